#include "proxy/http/captured_body.h"

#include <algorithm>

namespace weir::proxy::http {

void CapturedBody::on_data(std::span<const char> piece) {
    if (dropped_) return;
    if (piece.size() <= limit_ - bytes_.size() && make_room(bytes_.size() + piece.size())) {
        bytes_.append(piece.data(), piece.size());
        return;
    }
    drop();
    dropped_ = true;
}

// Makes room for `size` bytes in total: at least twice as much as before, so that the work is linear.
bool CapturedBody::make_room(std::size_t size) {
    if (size <= reserved_) return true;
    const auto wanted = std::max(size, std::min(limit_, 2 * reserved_));
    if (!budget_.reserve(wanted - reserved_)) return false;
    reserved_ = wanted;
    bytes_.reserve(wanted);
    return true;
}

void CapturedBody::drop() {
    budget_.give_back(reserved_);
    reserved_ = 0;
    bytes_ = {};
}

} // namespace weir::proxy::http
