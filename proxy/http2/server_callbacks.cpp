#include "proxy/http2/server_callbacks.h"

#include "proxy/http2/connection_callbacks.h"
#include "proxy/http2/field_lines.h"
#include "proxy/http2/server_connection.h"
#include "proxy/http2/websocket_handshake.h"

#include <algorithm>
#include <utility>

namespace weir::proxy::http2 {
namespace {

constexpr std::size_t fields_beyond_limit = 4096;
constexpr std::int32_t highest_id = 0x7fffffff;

} // namespace

struct ServerCallbacks {
    static ServerConnection& connection(void* user) {
        return static_cast<ServerConnection&>(ConnectionCallbacks::connection(user));
    }
    static ServerStream* stream(nghttp2_session* session, std::int32_t id) {
        return static_cast<ServerStream*>(ConnectionCallbacks::stream(session, id));
    }
    static bool is_request(const nghttp2_frame* frame) {
        return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    }

    // Finds errors that the library does not look for. The connection ends when the library has been left.
    static int on_begin_frame(nghttp2_session* session, const nghttp2_frame_hd* header, void* user) {
        auto& self = connection(user);
        const bool is_known = nghttp2_session_find_stream(session, header->stream_id) != nullptr;
        const bool is_late = header->stream_id <= nghttp2_session_get_last_proc_stream_id(session);
        const bool reopens = header->type == NGHTTP2_HEADERS && !is_known && is_late;
        const bool lacks_stream = header->type == NGHTTP2_PRIORITY && header->stream_id == 0;
        // Trailers that were on their way when weir reset the stream are no error (RFC 9113 section 5.1).
        if (reopens && self.resets_.contains(header->stream_id)) self.guard_.on_stream_error();
        else if (reopens || lacks_stream) self.has_broken_rules_ = true;
        return 0;
    }

    static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
        auto& self = connection(user);
        self.fields_arrived_ = 0;
        if (!is_request(frame)) return 0;
        const auto id = frame->hd.stream_id;
        nghttp2_session_set_stream_user_data(session, id, static_cast<ConnectionStream*>(self.add_stream(id)));
        // Without turns, a stream whose data never ends would starve all others. A client's priority comes later.
        constexpr nghttp2_extpri in_turns{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
        nghttp2_session_change_extpri_stream_priority(session, id, &in_turns, 0);
        self.text_.begin(self.limits_);
        return 0;
    }

    static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                         void* user) {
        auto& self = connection(user);
        ++self.fields_arrived_;
        const auto name_text = ConnectionCallbacks::text(name, name_size);
        const auto value_text = ConnectionCallbacks::text(value, value_size);
        auto* const own = stream(session, frame->hd.stream_id);
        if (is_request(frame)) self.text_.add(name_text, value_text);
        else if (own && !own->closed_) add_field_line(own->received_trailers_, name_text, value_text);
        // Beyond this, the library no longer checks fields; below it, a request can still get a 431.
        const auto most = is_request(frame) ? self.limits_.count + fields_beyond_limit : self.limits_.count;
        const bool is_large = own && own->received_trailers_.size() > self.limits_.size;
        if (self.fields_arrived_ > most || is_large) {
            self.guard_.on_useless_fields(frame->hd.length); // each byte may stand for a large field
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        return 0;
    }

    // By itself, the library leaves out such a field and goes on with the request.
    static int on_invalid_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t*, std::size_t,
                                 const std::uint8_t*, std::size_t, std::uint8_t, void* user) {
        if (!is_request(frame)) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        connection(user).text_.refuse("a header name or value with an illegal byte");
        return 0;
    }

    static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_RST_STREAM)
            connection(user).listener_.on_reset_received(frame->rst_stream.error_code);
        const bool has_end = ConnectionCallbacks::ends_stream(frame);
        if (!has_end && !is_request(frame)) return 0;
        auto* const own = stream(session, frame->hd.stream_id);
        if (!own) return 0;
        auto& self = connection(user);
        if (has_end) own->end_received_ = true;
        if (has_end && std::exchange(own->is_held_, false))
            self.arrived_.push_back({own, std::move(own->in_), {http::HeadStatus::complete}});
        if (is_request(frame)) end_head(self, *own, has_end ? EndStream::yes : EndStream::no);
        else self.wake_later(*own);
        return 0;
    }

    // The field section of a request is whole.
    static void end_head(ServerConnection& self, ServerStream& stream, EndStream end) {
        if (self.text_.is_websocket()) {
            stream.websocket_key_ = make_websocket_key();
            self.text_.set_websocket_key(stream.websocket_key_);
        }
        const auto& pools = self.pools();
        Buffer head(end == EndStream::yes ? pools.for_bytes(self.text_.size()) : pools.heads); // a body needs room
        const auto result = self.text_.finish(end, head);
        if (result.status == http::HeadStatus::complete) {
            // No backend gets a request before it is known to be whole: a body that is not empty may still come.
            const bool is_held = end == EndStream::no && self.text_.states_empty_body();
            stream.is_held_ = is_held;
            if (is_held) stream.in_ = std::move(head);
            else self.arrived_.push_back({&stream, std::move(head), result});
            return;
        }
        self.guard_.on_useless_fields(self.fields_arrived_ - std::min(self.fields_arrived_, self.limits_.count));
        constexpr int malformed = 400;
        if (result.code != malformed) self.guard_.on_stream_error(); // otherwise the reset counts
        stream.is_refused_ = true;
        const auto& text = self.text_;
        self.arrived_.push_back(
            {&stream, {}, result, std::string(text.method()), std::string(text.path()), std::string(text.authority())});
    }

    // The library refuses the head of a request by itself: it is handed over as one that is refused, for the logs.
    static int on_invalid_frame(nghttp2_session* session, const nghttp2_frame* frame, int error, void* user) {
        if (!is_request(frame)) return 0;
        auto* const own = stream(session, frame->hd.stream_id);
        auto& self = connection(user);
        // Beyond the limit of streams: the reset is queued, and costs memory until the client reads it.
        if (!own) self.guard_.on_stream_error();
        const bool is_new = own && own->arrives_ && (self.arrived_.empty() || self.arrived_.back().stream != own);
        if (!is_new) return 0;
        self.text_.refuse(nghttp2_strerror(error));
        end_head(self, *own, EndStream::no);
        return 0;
    }

    static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                       std::size_t size, void* user) {
        auto& self = connection(user);
        // The window of the connection never closes: each stream's own bounds what the connection holds.
        nghttp2_session_consume_connection(session, size);
        auto* const own = stream(session, id);
        if (!own || (!own->has_user() && !own->arrives_)) return 0;
        const bool fits = own->take_data(ConnectionCallbacks::text(bytes, size));
        self.wake_later(*own);
        return fits ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE; // the window is not larger than the buffer
    }

    static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t error_code, void* user) {
        auto& self = connection(user);
        auto* const own = stream(self.session(), id);
        if (!own) return 0;
        own->closed_ = true;
        // A client may also reset a stream with this code: such a request is not done.
        if (error_code == NGHTTP2_NO_ERROR && own->end_sent_ && !own->is_refused_) self.guard_.on_request_done();
        if (own->has_user()) self.wake_later(*own);
        else if (!own->arrives_ || own->is_held_) self.remove_stream(*own);
        return 0;
    }

    // A head that is too large for HTTP/2, for example.
    static int on_frame_not_sent(nghttp2_session* session, const nghttp2_frame* frame, int error, void*) {
        const bool is_ending = error == NGHTTP2_ERR_STREAM_CLOSING || error == NGHTTP2_ERR_STREAM_CLOSED;
        if (frame->hd.type == NGHTTP2_HEADERS && !is_ending)
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
        return 0;
    }

    static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
        auto& self = connection(user);
        switch (frame->hd.type) {
        case NGHTTP2_DATA: self.guard_.on_data_sent(frame->hd.length); [[fallthrough]];
        case NGHTTP2_HEADERS: note_end(session, frame); break;
        case NGHTTP2_RST_STREAM:
            if (is_clients_fault(frame->rst_stream.error_code)) self.guard_.on_stream_error();
            self.resets_.add(frame->hd.stream_id);
            self.listener_.on_reset_sent(frame->rst_stream.error_code);
            break;
        case NGHTTP2_GOAWAY:
            if (frame->goaway.last_stream_id == highest_id) break; // the announcement of one
            self.error_code_ = frame->goaway.error_code;
            self.listener_.on_goaway_sent(frame->goaway.error_code);
            break;
        default: break;
        }
        return 0;
    }

    // A client that still sends the body of its request when it has the whole response is told to stop (RFC 9113
    // section 8.1).
    static void note_end(nghttp2_session* session, const nghttp2_frame* frame) {
        if (!ConnectionCallbacks::ends_stream(frame)) return;
        auto* const own = stream(session, frame->hd.stream_id);
        if (!own) return;
        own->end_sent_ = true;
        if (!own->end_received_)
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }

    // Returns false for the codes with which weir ends streams for reasons of its own.
    static bool is_clients_fault(std::uint32_t code) {
        return code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR && code != NGHTTP2_CANCEL &&
               code != NGHTTP2_CONNECT_ERROR;
    }
};

const nghttp2_session_callbacks* server_callbacks() {
    static const auto* const table = [] {
        nghttp2_session_callbacks* made = nullptr;
        nghttp2_session_callbacks_new(&made);
        nghttp2_session_callbacks_set_on_begin_headers_callback(made, ServerCallbacks::on_begin_headers);
        nghttp2_session_callbacks_set_on_begin_frame_callback(made, ServerCallbacks::on_begin_frame);
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, ServerCallbacks::on_invalid_frame);
        nghttp2_session_callbacks_set_on_header_callback(made, ServerCallbacks::on_header);
        nghttp2_session_callbacks_set_on_invalid_header_callback(made, ServerCallbacks::on_invalid_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(made, ServerCallbacks::on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, ServerCallbacks::on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(made, ServerCallbacks::on_stream_close);
        nghttp2_session_callbacks_set_on_frame_send_callback(made, ServerCallbacks::on_frame_sent);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(made, ServerCallbacks::on_frame_not_sent);
        ConnectionCallbacks::set(made);
        return made;
    }();
    return table;
}

} // namespace weir::proxy::http2
