// The demo's clients: a few connections that send requests in a loop and count every response other than 200.
//
// Thread: the main thread; the clients run on threads of their own.
// Lifetime: the clients end with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace weir::proxy::cli {

// Sends `count` requests over one connection. Returns responses per backend (X-Backend); the key "" counts failures.
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
