#include "proxy/io/fiber.h"

#include "proxy/io/event_loop.h"

namespace weir::proxy {

Fiber::~Fiber() {
    if (queued_) queued_->forget(*this);
}

void Fiber::yield(EventLoop& loop) {
    if (!queued_) loop.wake_later(*this);
}

} // namespace weir::proxy
