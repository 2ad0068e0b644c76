// The demo's clients: a few connections that ask again and again, and count what was not a 200.
//
// Thread: the main thread; the clients run on their own.
// Lifetime: the clients end with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace weir::proxy::cli {

// Asks `count` times over one connection; how often each backend (X-Backend) answered. "" counts failures.
std::map<std::string, int> ask(std::uint16_t port, int count);

class Load {
public:
    Load(std::uint16_t port, int clients);
    ~Load();

    std::uint64_t answered() const { return answered_; }
    std::uint64_t failed() const { return failed_; }

private:
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> answered_{0}, failed_{0};
    std::vector<std::thread> threads_;
};

} // namespace weir::proxy::cli
