// One of the streams of a connection that carries several at once, such as HTTP/2. A Stream that is opened on it passes
// its calls on, so that the layers above need not know that there is a connection below.
//
// Thread: one event loop's thread.
// Lifetime: the connection owns it. It outlives its user, which must call close() last.
#pragma once

#include "conf/model/address.h"
#include "proxy/io/socket.h"

#include <cstdint>
#include <string_view>

namespace weir::proxy {

class TlsConnection;

// Why a stream has ended before its time.
struct StreamFailure {
    enum class Kind : std::uint8_t {
        none,        // it has not, or its connection has ended
        reset,       // the peer has reset it
        unprocessed, // likewise, and has not begun to process what was sent on the stream
        unseen,      // the peer was closing the connection, and has not seen the stream
        malformed,   // the peer has sent what the protocol does not allow
        too_large,   // the peer has sent a head beyond the limits
        unsupported, // nothing was sent: the peer does not offer what the request needs
        lost,        // its connection has ended, for the reason in `detail`
    };
    Kind kind = Kind::none;
    const char* detail = ""; // static
};

class MultiplexedStream {
public:
    // The functions below have the meaning of those of Stream.
    virtual IoResult receive(std::span<char> into) = 0;
    virtual IoResult send(std::span<const iovec> parts) = 0;
    virtual void finish_sending() = 0;
    virtual void close(HowToClose how) = 0;
    virtual void set_waker(Waker& waker) = 0;
    virtual void wake_user() = 0;
    // Returns the trailer section that the peer has sent, as HTTP/1.1 field lines, each with its CRLF. Empty if there
    // is none, or before fin_received().
    virtual std::string_view trailers() const = 0;
    // Sets the trailer section, in the same form, that is sent by finish_sending().
    virtual void set_trailers(std::string_view lines) = 0;
    virtual bool readable() const = 0;
    virtual bool writable() const = 0;
    virtual bool broken() const = 0; // the peer has reset the stream, or the connection is gone
    virtual bool fin_received() const = 0;
    virtual bool at_end() const = 0;
    virtual std::size_t unsent_bytes() const = 0;
    virtual conf::Address local() const = 0;
    // Returns why the stream is broken().
    virtual StreamFailure failure() const = 0;
    // Returns the TLS connection below; null if it is plain.
    virtual TlsConnection* tls() const = 0;

protected:
    ~MultiplexedStream() = default;
};

} // namespace weir::proxy
