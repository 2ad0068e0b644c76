#include "proxy/transfer/body_source.h"

namespace weir::proxy::http {
namespace {

constexpr std::size_t long_body = 32 * 1024; // a large buffer saves system calls for a body of this size

} // namespace

bool BodySource::receive() {
    if (!from_.readable()) {
        buffer_.release_large(); // a silent connection holds no memory
        return false;
    }
    const auto result = from_.receive(room());
    switch (result.status) {
    case IoStatus::ok:
        received_ += result.bytes;
        buffer_.current().fill(result.bytes);
        break;
    case IoStatus::would_block: // part of a TLS record
        buffer_.release_large();
        return false;
    case IoStatus::failed: status_ = SourceStatus::failed; break;
    case IoStatus::end:
        status_ = decoder_.ends_with_connection() ? SourceStatus::ended : SourceStatus::truncated;
        break;
    }
    return true;
}

// Returns the space to read into, which never reaches past the end of a message of known length. A large buffer is used
// only if no bytes can be left in it: for a message of known length, or for the last one on its connection.
std::span<char> BodySource::room() {
    using Wanted = BodyBuffer::Wanted;
    if (!decoder_.has_length()) return buffer_.room(following_ == Following::nothing ? Wanted::large : Wanted::any);
    const auto left = decoder_.bytes_left();
    const auto space = buffer_.room(left > long_body ? Wanted::large : Wanted::any);
    return space.first(static_cast<std::size_t>(std::min<std::uint64_t>(space.size(), left)));
}

} // namespace weir::proxy::http
