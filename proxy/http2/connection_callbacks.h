// What the library calls for bodies, at both ends of a connection.
//
// Thread: one worker's thread.
// Lifetime: static.
#pragma once

#include "proxy/http2/connection.h"

#include <nghttp2/nghttp2.h>

namespace weir::proxy::http2 {

// The connection is the library's user data, the stream that of each stream.
struct ConnectionCallbacks {
    static Connection& connection(void* user) { return *static_cast<Connection*>(user); }
    static ConnectionStream* stream(nghttp2_session* session, std::int32_t id) {
        return static_cast<ConnectionStream*>(nghttp2_session_get_stream_user_data(session, id));
    }
    static std::string_view text(const std::uint8_t* bytes, std::size_t size) {
        return {reinterpret_cast<const char*>(bytes), size};
    }
    // Returns true if the frame ends what its sender sends on the stream.
    static bool ends_stream(const nghttp2_frame* frame) {
        const bool may = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        return may && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    }

    // Sets the callbacks for bodies.
    static void set(nghttp2_session_callbacks* table);
    // Returns where the library reads the body of the stream.
    static nghttp2_data_provider body_of(ConnectionStream& stream);

private:
    static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer, std::size_t most,
                             std::uint32_t* flags, nghttp2_data_source* source, void* user);
    static int send_body(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* header, std::size_t size,
                         nghttp2_data_source* source, void* user);
};

} // namespace weir::proxy::http2
