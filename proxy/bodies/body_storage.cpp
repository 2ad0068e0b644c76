#include "proxy/bodies/body_storage.h"

#include <spdlog/spdlog.h>

#include <system_error>

namespace weir::proxy {

void BodyStorage::report(const char* action, int error) {
    if (is_stopped_.load(std::memory_order_relaxed)) return;
    {
        const std::lock_guard lock(mutex_);
        if (!log_limit_.allow(std::chrono::steady_clock::now())) return;
    }
    spdlog::error("buffer_requests: cannot {} the body of a request in {}: {}", action, directory_,
                  std::generic_category().message(error));
}

} // namespace weir::proxy
