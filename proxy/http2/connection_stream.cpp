#include "proxy/http2/connection_stream.h"

#include "proxy/http2/connection.h"
#include "proxy/http2/field_lines.h"
#include "proxy/io/frame_pool.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace weir::proxy::http2 {
namespace {

constexpr std::string_view head_end = "\r\n\r\n";

} // namespace

void* ConnectionStream::operator new(std::size_t bytes) { return take_frame(bytes); }
void ConnectionStream::operator delete(void* block, std::size_t bytes) noexcept { give_frame(block, bytes); }

conf::Address ConnectionStream::local() const { return connection_.local(); }
TlsConnection* ConnectionStream::tls() const { return connection_.tls(); }

IoResult ConnectionStream::receive(std::span<char> into) {
    const auto size = std::min(into.size(), receivable());
    if (size == 0) {
        if (end_received_ && in_.empty()) return {IoStatus::end};
        return {closed_ ? IoStatus::failed : IoStatus::would_block};
    }
    if (length_left_ > 0) length_left_ -= size;
    std::memcpy(into.data(), in_.data(), size);
    in_.consume(size);
    if (in_.empty()) in_.release();
    if (!closed_) connection_.consume(id_, size);
    return {IoStatus::ok, size};
}

// Returns the number of bytes that may be received now.
std::size_t ConnectionStream::receivable() const {
    const bool has_last = length_left_ > 0 && in_.size() >= length_left_;
    return has_last && !end_received_ ? static_cast<std::size_t>(length_left_ - 1) : in_.size();
}

// Takes a part of the body that has arrived. Returns false if there is no room, which the window prevents.
bool ConnectionStream::take_data(std::string_view bytes) {
    if (!in_.has_memory()) in_ = Buffer(connection_.pools().bodies);
    if (in_.empty()) in_.rewind();
    if (in_.space().size() < bytes.size()) in_.compact();
    return in_.append(bytes);
}

IoResult ConnectionStream::send(std::span<const iovec> parts) {
    if (closed_ || sending_ == Sending::finished) return {IoStatus::failed};
    std::size_t taken = 0;
    for (const auto& part : parts) {
        std::string_view bytes(static_cast<const char*>(part.iov_base), part.iov_len);
        while (!bytes.empty()) {
            const auto size = sending_ == Sending::head ? take_head(bytes) : take_body(bytes);
            if (closed_) return {IoStatus::failed};
            if (size == 0) break;
            taken += size;
            bytes.remove_prefix(size);
        }
        if (!bytes.empty()) break;
    }
    if (taken == 0) return {IoStatus::would_block};
    connection_.request_flush();
    return {IoStatus::ok, taken};
}

// Takes bytes up to the end of a head.
std::size_t ConnectionStream::take_head(std::string_view bytes) {
    if (!head_.has_memory()) head_ = Buffer(connection_.pools().small);
    const auto before = head_.size();
    // The body may follow at once, and has no place here.
    if (const auto end = bytes.find(head_end); before == 0 && end != std::string_view::npos)
        bytes = bytes.substr(0, end + head_end.size());
    if (head_.space().size() < bytes.size()) head_.grow(2 * (before + bytes.size()));
    head_.append(bytes);
    const auto at = head_.view().find(head_end, before - std::min(before, head_end.size() - 1));
    if (at == std::string_view::npos) return bytes.size();
    const auto surplus = head_.size() - at - head_end.size();
    head_.unfill(surplus);
    end_head();
    return bytes.size() - surplus;
}

std::size_t ConnectionStream::take_body(std::string_view bytes) {
    if (!out_.has_memory()) {
        // A peer that keeps its window shut holds no large block.
        const auto useful = std::min(bytes.size(), connection_.window_of(id_));
        out_ = Buffer(connection_.pools().for_bytes(useful));
    }
    if (out_.empty()) out_.rewind();
    constexpr auto most = data_frames_at_a_time * data_frame_size;
    const auto size = std::min({bytes.size(), out_.space().size(), most - std::min(most, out_.size())});
    if (size == 0) {
        is_full_ = true;
        return 0;
    }
    out_.append(bytes.substr(0, size));
    resume();
    return size;
}

// Tells the library that there is more to send.
void ConnectionStream::resume() {
    if (deferred_) connection_.resume(id_);
    deferred_ = false;
}

void ConnectionStream::finish_sending() {
    if (closed_ || sending_ == Sending::finished) return;
    if (sending_ == Sending::head) return reset(NGHTTP2_INTERNAL_ERROR);
    sending_ = Sending::finished;
    resume();
    connection_.request_flush();
}

void ConnectionStream::end_use() {
    user_ = nullptr;
    in_.release();
    connection_.release(*this);
}

void ConnectionStream::reset(std::uint32_t error_code) {
    submitted_ = true; // a head that has not been submitted is lost
    sending_ = Sending::finished;
    connection_.reset(*this, error_code);
}

// Submits the trailer section, which ends what is sent. May be called while the library reads the body.
void ConnectionStream::submit_trailers(nghttp2_session* session) {
    std::vector<nghttp2_nv> fields;
    read_field_lines({trailers_.data(), trailers_.size()}, passes_between_connections, fields);
    nghttp2_submit_trailer(session, id_, fields.data(), fields.size());
}

} // namespace weir::proxy::http2
