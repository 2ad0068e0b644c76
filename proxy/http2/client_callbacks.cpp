#include "proxy/http2/client_callbacks.h"

#include "proxy/http2/client_connection.h"
#include "proxy/http2/connection_callbacks.h"
#include "proxy/http2/error_codes.h"
#include "proxy/http2/field_lines.h"

namespace weir::proxy::http2 {

struct ClientCallbacks {
    using Kind = StreamFailure::Kind;

    static ClientConnection& connection(void* user) {
        return static_cast<ClientConnection&>(ConnectionCallbacks::connection(user));
    }
    static ClientStream* stream(nghttp2_session* session, std::int32_t id) {
        return static_cast<ClientStream*>(ConnectionCallbacks::stream(session, id));
    }

    static int on_begin_headers(nghttp2_session*, const nghttp2_frame*, void* user) {
        auto& self = connection(user);
        self.fields_arrived_ = 0;
        self.text_.begin(self.settings_.head);
        return 0;
    }

    static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                         void* user) {
        auto& self = connection(user);
        auto* const own = stream(session, frame->hd.stream_id);
        if (!own || own->closed_) return 0;
        const auto name_text = ConnectionCallbacks::text(name, name_size);
        const auto value_text = ConnectionCallbacks::text(value, value_size);
        if (!own->has_final_head_) self.text_.add(name_text, value_text);
        else add_field_line(own->received_trailers_, name_text, value_text);
        const auto& limits = self.settings_.head;
        const auto most = limits.count + (own->has_final_head_ ? 0 : 1); // :status does not count
        const bool is_large = ++self.fields_arrived_ > most || own->received_trailers_.size() > limits.size;
        if (!is_large) return 0;
        own->failure_ = {Kind::too_large, "too many fields"};
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; // resets the stream
    }

    // By itself, the library leaves out such a field and goes on with the response.
    static int on_invalid_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t*, std::size_t,
                                 const std::uint8_t*, std::size_t, std::uint8_t, void*) {
        if (auto* const own = stream(session, frame->hd.stream_id))
            own->failure_ = {Kind::malformed, "a header name or value with an illegal byte"};
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }

    static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
        auto& self = connection(user);
        switch (frame->hd.type) {
        case NGHTTP2_SETTINGS:
            if (!(frame->hd.flags & NGHTTP2_FLAG_ACK)) self.ready_ = true;
            return 0;
        case NGHTTP2_GOAWAY: self.listener_.on_goaway_received(frame->goaway.error_code); return 0;
        case NGHTTP2_RST_STREAM: note_reset(session, frame, self); return 0;
        case NGHTTP2_HEADERS:
        case NGHTTP2_DATA: break;
        default: return 0;
        }
        self.pings_.on_data();
        auto* const own = stream(session, frame->hd.stream_id);
        if (!own || own->failure_.kind != Kind::none) return 0;
        const bool ends = ConnectionCallbacks::ends_stream(frame);
        if (ends) own->end_received_ = true;
        if (frame->hd.type == NGHTTP2_HEADERS && !own->has_final_head_) end_head(session, self, *own, ends);
        self.wake_later(*own);
        return 0;
    }

    static void note_reset(nghttp2_session* session, const nghttp2_frame* frame, ClientConnection& self) {
        const auto code = frame->rst_stream.error_code;
        self.listener_.on_reset_received(code);
        auto* const own = stream(session, frame->hd.stream_id);
        if (!own || own->end_received_) return; // a backend may reset what it need not receive any more
        own->failure_ = {code == NGHTTP2_REFUSED_STREAM ? Kind::unprocessed : Kind::reset, reset_text(code)};
    }

    // Resets a stream whose response breaks the rules, and never looks complete.
    static void refuse(nghttp2_session* session, ClientStream& stream, StreamFailure failure) {
        stream.failure_ = failure;
        stream.end_received_ = false;
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_PROTOCOL_ERROR);
    }

    // A head of the response is whole.
    static void end_head(nghttp2_session* session, ClientConnection& self, ClientStream& stream, bool ends) {
        const auto& text = self.text_;
        const auto result = self.text_.finish();
        if (result.status != http::HeadStatus::complete) {
            constexpr int malformed = 400;
            return refuse(session, stream,
                          {result.code == malformed ? Kind::malformed : Kind::too_large, result.reason});
        }
        if (stream.heads_.size() > self.settings_.head.size)
            return refuse(session, stream, {Kind::malformed, "too many interim responses at once"});
        if (!stream.heads_.has_memory()) stream.heads_ = Buffer(self.pools().heads);
        stream.has_final_head_ = text.status() >= 200;
        const bool is_switch = text.status() >= 200 && text.status() < 300 && !stream.websocket_key_.empty();
        if (is_switch) text.write_switch(stream.heads_, stream.websocket_key_);
        else text.write(stream.heads_);
        if (stream.has_final_head_ && !ends && !is_switch && text.length()) stream.expect_length(*text.length());
    }

    // The library resets the stream: the frame breaks the rules.
    static int on_invalid_frame(nghttp2_session* session, const nghttp2_frame* frame, int error, void*) {
        auto* const own = stream(session, frame->hd.stream_id);
        if (own && own->failure_.kind == Kind::none) own->failure_ = {Kind::malformed, nghttp2_strerror(error)};
        return 0;
    }

    static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                       std::size_t size, void* user) {
        nghttp2_session_consume_connection(session, size);
        auto* const own = stream(session, id);
        if (!own || !own->has_user() || own->failure_.kind != Kind::none) return 0;
        auto& self = connection(user);
        self.wake_later(*own);
        // The library does not count the bytes of a response to CONNECT, even if it is an error.
        if (own->exceeds_length(size)) {
            refuse(session, *own, {Kind::malformed, "a body that is longer than its content-length"});
            return 0;
        }
        return own->take_data(ConnectionCallbacks::text(bytes, size)) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    static int on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t error_code, void* user) {
        if (auto* const own = stream(session, id)) end(connection(user), *own, error_code);
        return 0;
    }

    static void end(ClientConnection& self, ClientStream& stream, std::uint32_t error_code) {
        stream.closed_ = true;
        // A GOAWAY says that the backend has not seen the stream (RFC 9113 section 6.8).
        if (error_code == NGHTTP2_REFUSED_STREAM && stream.failure_.kind == Kind::none)
            stream.failure_ = {Kind::unseen, "GOAWAY: the backend closes the connection"};
        if (stream.has_user()) self.wake_later(stream);
        else self.remove_stream(stream);
    }

    // A request that the library could not send: the connection has ended, or its ids have.
    static int on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
        auto& self = connection(user);
        self.streams_.for_each([&](ConnectionStream& any) {
            auto& own = static_cast<ClientStream&>(any);
            if (own.id() == frame->hd.stream_id) end(self, own, NGHTTP2_REFUSED_STREAM);
        });
        return 0;
    }

    static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
        auto& self = connection(user);
        if (frame->hd.type == NGHTTP2_RST_STREAM) self.listener_.on_reset_sent(frame->rst_stream.error_code);
        if (frame->hd.type == NGHTTP2_GOAWAY) self.error_code_ = frame->goaway.error_code;
        auto* const own = ConnectionCallbacks::ends_stream(frame) ? stream(session, frame->hd.stream_id) : nullptr;
        if (own) own->end_sent_ = true;
        return 0;
    }
};

const nghttp2_session_callbacks* client_callbacks() {
    static const auto* const table = [] {
        nghttp2_session_callbacks* made = nullptr;
        nghttp2_session_callbacks_new(&made);
        nghttp2_session_callbacks_set_on_begin_headers_callback(made, ClientCallbacks::on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(made, ClientCallbacks::on_header);
        nghttp2_session_callbacks_set_on_invalid_header_callback(made, ClientCallbacks::on_invalid_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(made, ClientCallbacks::on_frame);
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, ClientCallbacks::on_invalid_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, ClientCallbacks::on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(made, ClientCallbacks::on_stream_close);
        nghttp2_session_callbacks_set_on_frame_send_callback(made, ClientCallbacks::on_frame_sent);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(made, ClientCallbacks::on_frame_not_sent);
        ConnectionCallbacks::set(made);
        return made;
    }();
    return table;
}

} // namespace weir::proxy::http2
