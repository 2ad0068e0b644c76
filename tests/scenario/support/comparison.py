"""One request to a proxy, and everything that the client and the backend got, in a form that can be compared."""
import re
import ssl

from support.peers import Client

# These say how one connection is used, and which program answered.
IGNORED = {"connection", "date", "keep-alive", "server", "transfer-encoding"}
WEBSOCKET_KEY, WEBSOCKET_ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 section 1.3
OF_PAGES = {"cache-control", "content-length", "content-type"}  # each proxy has its own for its own pages


def answer(connection, request):
    """The script of every backend: an upgrade, a page that is missing, or a page with headers to remove or replace."""
    if request["fields"].get("upgrade") == "websocket":
        fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {WEBSOCKET_ACCEPT}"
        connection.sendall(f"HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n".encode())
        while data := connection.recv(4096):
            connection.sendall(data)
        raise OSError("the tunnel has ended")
    status = "404 Not Found" if "missing" in request["target"] else "200 OK"
    head = f"HTTP/1.1 {status}\r\nX-Powered-By: test\r\nCache-Control: public\r\nContent-Type: text/html\r\n"
    body = b"" if request["method"] == "HEAD" else b"page"
    connection.sendall(f"{head}Content-Length: 4\r\n\r\n".encode() + body)


def raw(request):
    """Returns the bytes of a request: exactly what requests.json states, with a Content-Length if one is needed."""
    body = request.get("body", "x" * request.get("body_size", 0))
    fields = {"Host": request.get("host", "example.com"), **request.get("headers", {})}
    if request.get("websocket"):
        fields.update({"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"})
        fields["Sec-WebSocket-Key"] = WEBSOCKET_KEY
    if body and not {"Content-Length", "Transfer-Encoding"} & set(fields):
        fields["Content-Length"] = len(body)
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
    return f"{request.get('method', 'GET')} {request['target']} HTTP/1.1\r\n{''.join(lines)}\r\n{body}"


def host_of(request):
    return (request.get("host") or "example.com").split(":")[0].lower()


def exchange(ports, request, trusted):
    """Sends a request over http or https; returns the response, or None if the proxy closes the connection."""
    scheme = request.get("scheme", "http")
    with Client(ports[scheme]) as client:
        if scheme == "https":
            context = ssl.create_default_context(cafile=trusted)
            client.sock = client.reader.sock = context.wrap_socket(client.sock, server_hostname=host_of(request))
        client.send(raw(request))
        response = client.reader.response(request.get("method", "GET"))
        if response and response["status"] == 101:
            client.send("ping")
            assert client.reader.exactly(4) == b"ping", "the tunnel carries other bytes"
        return response


def fields_of(response, request):
    """Returns the headers of a response: the values of each name in one line.

    nginx completes a Location that is a path, so a Location at the site itself becomes one.
    """
    site = f"{request.get('scheme', 'http')}://{host_of(request)}"
    fields = {}
    for line in response["lines"]:
        name, _, value = line.partition(": ")
        if name.lower() == "location":
            value = re.sub(rf"^{re.escape(site)}(:\d+)?/", "/", value)
        fields.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in fields.items() if name not in IGNORED}


def describe(request, response, requests, seen):
    """Returns what the client got, and what the backends got: (pool, request) for each request.

    `seen` has the names of the request headers to compare. The pages of two proxies differ, unless their
    configurations give the page (`own_page`).
    """
    if response is None:
        return {"status": None}
    fields, body = fields_of(response, request), response["body"].decode("latin-1")
    if not requests and response["status"] >= 300 and not request.get("own_page"):
        body = None
        fields = {name: value for name, value in fields.items() if name not in OF_PAGES}
    found = {"status": response["status"], "headers": fields, "body": body, "pool": None}
    for pool, got in requests:
        found.update({"pool": pool, "method": got["method"], "target": got["target"]})
        found["sent"] = got["body"].decode("latin-1")
        found["seen"] = {name: got["fields"].get(name) for name in seen}
    found["backends"] = len(requests)
    return found


def part(whole, expected):
    """Returns those members of `whole` that `expected` has, too: None for those that are missing."""
    return {
        key: part(whole.get(key) or {}, value) if isinstance(value, dict) else whole.get(key)
        for key, value in expected.items()
    }
