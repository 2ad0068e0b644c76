"""Frames of HTTP/2 (RFC 9113 section 4) and field blocks (RFC 7541), legal or not. Standard library only."""
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9

END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT = 0, 1, 2, 3, 4
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED = 10, 11, 12, 13

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES = 5, 6, 8, 9

FIRST_WINDOW = 65_535  # of a stream and of the connection, unless something else is said
LARGEST_WINDOW = (1 << 31) - 1


def frame(kind, flags, stream, payload=b"", length=None):
    """Returns a frame; `length` lies about the payload."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(pairs=()):
    """Returns SETTINGS of (identifier, value) pairs."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def ping(data=b"\0" * 8, flags=0):
    return frame(PING, flags, 0, data)


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def rst_stream(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def priority(stream, depends_on=0, weight=15):
    return frame(PRIORITY, 0, stream, struct.pack(">IB", depends_on, weight))


def goaway(last=0, code=NO_ERROR, stream=0):
    return frame(GOAWAY, 0, stream, struct.pack(">II", last, code))


def padded(payload, padding):
    """Returns the payload of a frame with the flag PADDED; `padding` is its length, or a pair with a false length."""
    stated, size = padding if isinstance(padding, tuple) else (padding, padding)
    return bytes([stated]) + payload + b"\0" * size


def data(stream, payload=b"", end=False, padding=None):
    flags = (END_STREAM if end else 0) | (PADDED if padding is not None else 0)
    return frame(DATA, flags, stream, payload if padding is None else padded(payload, padding))


def headers(stream, block, end=True, padding=None, depends_on=None, cuts=None):
    """Returns HEADERS, followed by CONTINUATION frames if the block is cut at some of its bytes, or large."""
    cuts = range(16_000, len(block), 16_000) if cuts is None else cuts
    pieces = [block[a:b] for a, b in zip((0, *cuts), (*cuts, len(block)))]
    first, flags = pieces[0], END_STREAM if end else 0
    if depends_on is not None:
        first, flags = struct.pack(">IB", depends_on, 15) + first, flags | WITH_PRIORITY
    if padding is not None:
        first, flags = padded(first, padding), flags | PADDED
    frames = frame(HEADERS, flags | (0 if cuts else END_HEADERS), stream, first)
    for number, piece in enumerate(pieces[1:], 1):
        frames += frame(CONTINUATION, END_HEADERS if number == len(cuts) else 0, stream, piece)
    return frames


def integer(value, bits, first=0):
    """Returns an integer with a prefix of this many bits (RFC 7541 section 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    encoded, value = bytearray([first | most]), value - most
    while value >= 128:
        encoded.append(value % 128 | 128)
        value //= 128
    return bytes(encoded) + bytes([value])


def octets(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def string(text):
    return integer(len(octets(text)), 7) + octets(text)


def block(fields):
    """Returns the field block of (name, value) pairs, as literals, so that the peer's table stays empty."""
    return b"".join(b"\0" + string(name) + string(value) for name, value in fields)


def indexed(index):
    return integer(index, 7, 0x80)


def added(name, value):
    """Returns a field that enters the dynamic table."""
    return b"\x40" + string(name) + string(value)


def table_size(size):
    return integer(size, 5, 0x20)


def head(method="GET", path="/", authority="a", scheme="http", more=()):
    """Returns the fields of a request; a pseudo-field that is None is left out."""
    pseudo = ((":method", method), (":scheme", scheme), (":authority", authority), (":path", path))
    return [field for field in pseudo if field[1] is not None] + list(more)
