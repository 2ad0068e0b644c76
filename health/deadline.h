// Closes a socket when its time is up: the one way in which anything on the control thread is given up.
//
// Thread: the socket's.
// Lifetime: the socket must outlive it.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include <memory>

namespace weir::health {

template <class Socket> class Deadline {
public:
    Deadline(Socket& socket, std::chrono::milliseconds time)
        : timer_(socket.get_executor(), time), state_(std::make_shared<State>(State{&socket, false})) {
        watch();
    }
    ~Deadline() { state_->socket = nullptr; }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    void extend(std::chrono::milliseconds time) {
        timer_.expires_after(time);
        watch();
    }
    bool passed() const { return state_->passed; }

private:
    void watch() {
        timer_.async_wait([state = state_](boost::system::error_code error) {
            if (error || !state->socket) return;
            state->passed = true;
            boost::system::error_code ignored;
            state->socket->close(ignored);
        });
    }
    struct State {
        Socket* socket;
        bool passed;
    };

    boost::asio::steady_timer timer_;
    std::shared_ptr<State> state_;
};

} // namespace weir::health
