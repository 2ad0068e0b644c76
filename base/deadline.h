// Closes a socket when its deadline expires. All timeouts of sockets on the control thread work this way.
//
// Thread: the socket's.
// Lifetime: the socket must outlive the Deadline.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include <memory>

namespace weir {

template <class Socket> class Deadline {
    using Clock = std::chrono::steady_clock;

public:
    Deadline(Socket& socket, std::chrono::milliseconds time)
        : state_(std::make_shared<State>(socket, Clock::now() + time)) {
        watch(state_);
    }
    ~Deadline() {
        state_->socket = nullptr;
        state_->timer.cancel();
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    // A later deadline needs no new timer: the running timer checks the deadline when it expires.
    void extend(std::chrono::milliseconds time) {
        state_->end = Clock::now() + time;
        if (state_->end < state_->timer.expiry() || state_->passed) watch(state_);
    }
    bool passed() const { return state_->passed; }

private:
    struct State {
        State(Socket& watched, Clock::time_point until) : socket(&watched), end(until), timer(watched.get_executor()) {}
        Socket* socket;
        Clock::time_point end;
        boost::asio::steady_timer timer;
        bool passed = false;
    };

    static void watch(std::shared_ptr<State> state) {
        auto& timer = state->timer;
        timer.expires_at(state->end);
        timer.async_wait([state = std::move(state)](boost::system::error_code error) {
            if (error || !state->socket) return;
            if (Clock::now() < state->end) return watch(state);
            state->passed = true;
            boost::system::error_code ignored;
            state->socket->close(ignored);
        });
    }

    std::shared_ptr<State> state_;
};

} // namespace weir
