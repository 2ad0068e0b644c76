#include "proxy/disk_thread.h"

#include <boost/asio/post.hpp>

#include <future>
#include <memory>

namespace weir::proxy {

bool DiskThread::comes_to_rest(std::chrono::milliseconds patience) {
    const auto done = std::make_shared<std::promise<void>>(); // it may come to it later
    const auto rest = done->get_future();
    boost::asio::post(pool_, [done] { done->set_value(); });
    return rest.wait_for(patience) == std::future_status::ready;
}

} // namespace weir::proxy
