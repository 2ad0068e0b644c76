#include "proxy/http2/connection_callbacks.h"

#include <algorithm>
#include <utility>

namespace weir::proxy::http2 {

ssize_t ConnectionCallbacks::read_body(nghttp2_session* session, std::int32_t, std::uint8_t*, std::size_t most,
                                       std::uint32_t* flags, nghttp2_data_source* source, void* user) {
    auto& own = *static_cast<ConnectionStream*>(source->ptr);
    const bool is_last = own.sending_ == ConnectionStream::Sending::finished;
    const auto size = std::min({most, connection(user).out_.room_for_data(), own.out_.size()});
    if (size == 0 && !is_last) {
        own.deferred_ = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    const bool ends = is_last && size == own.out_.size();
    if (ends) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (ends && !own.trailers_.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        own.submit_trailers(session);
    }
    return static_cast<ssize_t>(size);
}

int ConnectionCallbacks::send_body(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header, std::size_t size,
                                   nghttp2_data_source* source, void* user) {
    auto& self = connection(user);
    auto& own = *static_cast<ConnectionStream*>(source->ptr);
    if (!self.out_.add_data(header, own.out_.view().substr(0, size))) return NGHTTP2_ERR_WOULDBLOCK;
    own.out_.consume(size);
    own.taken_ += size;
    if (own.out_.empty()) own.out_.release();
    if (std::exchange(own.is_full_, false)) self.wake_later(own);
    return self.out_.has_room() ? 0 : NGHTTP2_ERR_PAUSE; // another frame may follow in the same call
}

void ConnectionCallbacks::set(nghttp2_session_callbacks* table) {
    nghttp2_session_callbacks_set_send_data_callback(table, send_body);
}

nghttp2_data_provider ConnectionCallbacks::body_of(ConnectionStream& stream) { return {{.ptr = &stream}, read_body}; }

} // namespace weir::proxy::http2
