#include "proxy/io/waiter.h"

#include "proxy/io/event_loop.h"

namespace weir::proxy {

Waiter::~Waiter() {
    if (queued_) queued_->forget(*this);
}

void Waiter::yield(EventLoop& loop) {
    if (!queued_) loop.wake_later(*this);
}

} // namespace weir::proxy
