// A copy of a request's body, made while the body is forwarded, for a mirror pool. It takes memory from the worker's
// budget for such copies, and drops everything if there is not enough, or if the body is longer than its limit.
//
// Thread: one worker's thread.
// Lifetime: the list must outlive it.
#pragma once

#include "proxy/transfer/body_tap.h"
#include "proxy/worker/mirror_list.h"

#include <string>
#include <string_view>

namespace weir::proxy::http {

class CapturedBody final : public BodyTap {
public:
    // At most `limit` bytes are captured.
    CapturedBody(MirrorList& budget, std::size_t limit) : budget_(budget), limit_(limit) {}
    ~CapturedBody() { drop(); }
    CapturedBody(const CapturedBody&) = delete;
    CapturedBody& operator=(const CapturedBody&) = delete;

    void on_data(std::span<const char> piece) override;
    bool is_whole() const { return !dropped_; } // no part is missing so far
    std::string_view bytes() const { return bytes_; }

private:
    bool make_room(std::size_t size);
    void drop();

    MirrorList& budget_;
    const std::size_t limit_;
    std::string bytes_;
    std::size_t reserved_ = 0; // bytes of the budget
    bool dropped_ = false;
};

} // namespace weir::proxy::http
