#include "proxy/http2/server_stream.h"

#include "proxy/http2/connection_callbacks.h"
#include "proxy/http2/response_fields.h"
#include "proxy/http2/server_connection.h"
#include "proxy/http2/websocket_handshake.h"

#include <utility>
#include <vector>

namespace weir::proxy::http2 {

ServerStream::ServerStream(ServerConnection& connection, std::int32_t id) : ConnectionStream(connection, id) {}

void ServerStream::close(HowToClose how) {
    if (how == HowToClose::gracefully && sending_ == Sending::body) finish_sending();
    const bool is_cut = how == HowToClose::reset && !end_sent_; // the client has not taken all of the response
    if (!closed_ && (sending_ != Sending::finished || is_cut))
        reset(how == HowToClose::reset ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL);
    end_use();
}

// An interim head is submitted at once, the final one with the next flush: the whole response may be known by then.
void ServerStream::end_head() {
    constexpr int upgraded = 101; // Switching Protocols: a final status
    const int status = status_of_head(head_.view());
    if (status >= 200 || status == upgraded) {
        sending_ = Sending::body;
        connection_.submit_later(*this);
        return;
    }
    submit_interim();
    head_.release();
}

void ServerStream::submit_interim() {
    std::vector<nghttp2_nv> fields;
    read_response_fields({head_.data(), head_.size()}, fields);
    nghttp2_submit_headers(connection_.session(), NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(), fields.size(),
                           nullptr);
}

// Submits the final head of the response.
void ServerStream::submit() {
    if (closed_ || std::exchange(submitted_, true)) return;
    if (!websocket_key_.empty() && !may_answer_websocket(head_.view(), websocket_key_))
        return reset(NGHTTP2_CONNECT_ERROR);
    auto& fields = connection_.fields();
    read_response_fields({head_.data(), head_.size()}, fields);
    const auto body = ConnectionCallbacks::body_of(*this);
    if (nghttp2_submit_response(connection_.session(), id_, fields.data(), fields.size(),
                                has_body_to_send() ? &body : nullptr) != 0)
        reset(NGHTTP2_INTERNAL_ERROR);
    head_.release();
}

} // namespace weir::proxy::http2
