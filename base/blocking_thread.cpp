#include "base/blocking_thread.h"

#include <boost/asio/post.hpp>

#include <future>
#include <memory>

namespace weir {

bool BlockingThread::wait_idle(std::chrono::milliseconds timeout) {
    const auto done = std::make_shared<std::promise<void>>(); // shared: the task may run after this function returns
    const auto rest = done->get_future();
    boost::asio::post(pool_, [done] { done->set_value(); });
    return rest.wait_for(timeout) == std::future_status::ready;
}

} // namespace weir
