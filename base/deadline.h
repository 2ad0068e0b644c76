// Closes a socket when its deadline expires. All timeouts of sockets on the control thread work this way.
//
// Thread: the socket's.
// Lifetime: the socket must outlive the Deadline.
#pragma once

#include "base/timer.h"

#include <memory>

namespace weir {

template <class Socket> class Deadline {
public:
    Deadline(Socket& socket, std::chrono::milliseconds time) : state_(std::make_shared<State>(socket)) { extend(time); }
    ~Deadline() {
        state_->socket = nullptr;
        state_->timer.cancel();
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    // Moves the deadline to `time` from now. A later deadline needs no new timer: the running timer checks the deadline
    // when it expires.
    void extend(std::chrono::milliseconds time) {
        state_->end = state_->timer.now() + time;
        if (state_->end < state_->timer.expiry() || state_->passed) watch(state_);
    }
    bool passed() const { return state_->passed; }

private:
    struct State {
        explicit State(Socket& watched) : socket(&watched), timer(watched.get_executor()) {}
        Socket* socket;
        Timer::TimePoint end;
        Timer timer;
        bool passed = false;
    };

    static void watch(std::shared_ptr<State> state) {
        auto& timer = state->timer;
        timer.expires_at(state->end);
        timer.wait([state = std::move(state)](WaitEnd end) {
            if (end == WaitEnd::cancelled || !state->socket) return;
            if (state->timer.now() < state->end) return watch(state);
            state->passed = true;
            boost::system::error_code ignored;
            state->socket->close(ignored);
        });
    }

    std::shared_ptr<State> state_;
};

} // namespace weir
