#include "proxy/http2/client_stream.h"

#include "proxy/http2/client_connection.h"
#include "proxy/http2/connection_callbacks.h"
#include "proxy/http2/request_fields.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::proxy::http2 {

ClientStream::ClientStream(ClientConnection& connection) : ConnectionStream(connection, 0), client_(connection) {}

IoResult ClientStream::receive(std::span<char> into) {
    if (heads_.empty()) return ConnectionStream::receive(into);
    const auto size = std::min(into.size(), heads_.size());
    std::memcpy(into.data(), heads_.data(), size);
    heads_.consume(size);
    if (heads_.empty()) heads_.release();
    return {IoStatus::ok, size};
}

void ClientStream::close(HowToClose) {
    const bool is_whole = sending_ == Sending::finished && end_received_;
    if (!closed_ && !is_whole) reset(NGHTTP2_CANCEL);
    heads_.release();
    end_use();
}

// The head is submitted with the next flush: the whole request may be known by then.
void ClientStream::end_head() {
    sending_ = Sending::body;
    connection_.submit_later(*this);
}

void ClientStream::submit() {
    if (closed_ || std::exchange(submitted_, true)) return;
    auto& fields = connection_.fields();
    const auto request = read_request_fields({head_.data(), head_.size()}, tls() ? "https" : "http", fields);
    if (request.form == RequestForm::none)
        return fail({StreamFailure::Kind::unsupported, "the request has no HTTP/2 form"});
    if (request.form == RequestForm::websocket && !client_.allows_websockets())
        return fail({StreamFailure::Kind::unsupported, "the backend does not offer WebSockets over HTTP/2 (RFC 8441)"});
    websocket_key_ = request.websocket_key;
    const auto body = ConnectionCallbacks::body_of(*this);
    ConnectionStream* const user_data = this;
    const auto id = nghttp2_submit_request(connection_.session(), nullptr, fields.data(), fields.size(),
                                           has_body_to_send() ? &body : nullptr, user_data);
    head_.release();
    if (id > 0) id_ = id;
    else fail({StreamFailure::Kind::unseen, "the connection takes no more streams"});
}

// Ends a stream that the backend has not heard of.
void ClientStream::fail(StreamFailure failure) {
    failure_ = failure;
    closed_ = true;
    client_.wake_user_of(*this);
}

} // namespace weir::proxy::http2
