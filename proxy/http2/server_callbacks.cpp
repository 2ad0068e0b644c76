#include "proxy/http2/server_callbacks.h"

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
    static ServerConnection& connection(void* user) { return *static_cast<ServerConnection*>(user); }
    static ServerStream* stream(nghttp2_session* session, std::int32_t id) {
        return static_cast<ServerStream*>(nghttp2_session_get_stream_user_data(session, id));
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
        if (reopens && self.was_reset(header->stream_id)) self.guard_.on_stream_error();
        else if (reopens || lacks_stream) self.has_broken_rules_ = true;
        return 0;
    }

    static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
        auto& self = connection(user);
        self.fields_arrived_ = 0;
        if (!is_request(frame)) return 0;
        const auto id = frame->hd.stream_id;
        nghttp2_session_set_stream_user_data(session, id, self.add_stream(id));
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
        if (is_request(frame)) {
            self.text_.add({reinterpret_cast<const char*>(name), name_size},
                           {reinterpret_cast<const char*>(value), value_size});
        }
        // Beyond this, the library no longer checks fields; below it, a request can still get a 431.
        const auto most = is_request(frame) ? self.limits_.count + fields_beyond_limit : self.limits_.count;
        if (self.fields_arrived_ > most) {
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
        const bool has_end = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                             (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
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
        const auto& pools = self.pools_;
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
        if (!own->in_.has_memory()) own->in_ = Buffer(self.pools_.bodies);
        if (own->in_.empty()) own->in_.rewind();
        if (own->in_.space().size() < size) own->in_.compact();
        const bool fits = own->in_.append({reinterpret_cast<const char*>(bytes), size});
        self.wake_later(*own);
        return fits ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE; // the window is not larger than the buffer
    }

    static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t error_code, void* user) {
        auto& self = connection(user);
        auto* const own = stream(self.session_.get(), id);
        if (!own) return 0;
        own->closed_ = true;
        // A client may also reset a stream with this code: such a request is not done.
        if (error_code == NGHTTP2_NO_ERROR && own->end_sent_ && !own->is_refused_) self.guard_.on_request_done();
        if (own->has_user()) self.wake_later(*own);
        else if (!own->arrives_ || own->is_held_) self.free_stream(*own);
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
            self.note_reset(frame->hd.stream_id);
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
        if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return;
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

    // Returns the largest size of the next DATA frame. The last one of a flush is cut, unless little is left: then it
    // is for the next flush.
    static std::size_t room_for_data(const ServerConnection& self) {
        constexpr std::size_t little = 1024;
        const auto used = self.out_.size() + data_header_size;
        return used + little > flush_size ? data_frame_size : std::min(data_frame_size, flush_size - used);
    }

    static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t most, std::uint32_t* flags,
                             nghttp2_data_source* source, void* user) {
        auto& own = *static_cast<ServerStream*>(source->ptr);
        const bool is_last = own.sending_ == ServerStream::Sending::finished;
        const auto size = std::min({most, room_for_data(connection(user)), own.out_.size()});
        if (size == 0 && !is_last) {
            own.deferred_ = true;
            return NGHTTP2_ERR_DEFERRED;
        }
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (is_last && size == own.out_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(size);
    }

    static int send_body(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header, std::size_t size,
                         nghttp2_data_source* source, void* user) {
        auto& self = connection(user);
        auto& own = *static_cast<ServerStream*>(source->ptr);
        const auto whole = data_header_size + size;
        if (self.out_.size() + whole > flush_size || self.out_.space().size() < whole) return NGHTTP2_ERR_WOULDBLOCK;
        self.out_.append({reinterpret_cast<const char*>(header), data_header_size});
        self.out_.append(own.out_.view().substr(0, size));
        own.out_.consume(size);
        own.taken_ += size;
        if (own.out_.empty()) own.out_.release();
        if (std::exchange(own.is_full_, false)) self.wake_later(own);
        return self.has_room() ? 0 : NGHTTP2_ERR_PAUSE; // another frame may follow in the same call
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
        nghttp2_session_callbacks_set_send_data_callback(made, ServerCallbacks::send_body);
        return made;
    }();
    return table;
}

nghttp2_data_provider body_of_response(void* stream) { return {{.ptr = stream}, ServerCallbacks::read_body}; }

} // namespace weir::proxy::http2
