// Sees the payload of a body while it is forwarded.
//
// Thread: one worker's thread.
// Lifetime: must outlive the forwarder that it is given to.
#pragma once

#include <span>

namespace weir::proxy::http {

class BodyTap {
public:
    // Called once for each piece, in order. The piece is valid during the call.
    virtual void on_data(std::span<const char> piece) = 0;

protected:
    ~BodyTap() = default;
};

} // namespace weir::proxy::http
