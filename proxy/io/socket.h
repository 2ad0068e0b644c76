// A non-blocking TCP socket in an event loop. It remembers what the kernel last reported about reading and writing, so
// that it makes no system call that could only return EAGAIN.
//
// Thread: one event loop's thread.
// Lifetime: the loop and the waker must outlive it; it must not move while it is open.
#pragma once

#include "balancer/counter.h"
#include "base/unique_fd.h"
#include "conf/model/endpoint.h"
#include "proxy/io/event_loop.h"
#include "proxy/io/waiter.h"

#include <cstdint>
#include <span>

#include <sys/uio.h>

namespace weir::proxy {

enum class IoStatus { ok, would_block, end, failed };

struct IoResult {
    IoStatus status;
    std::size_t bytes = 0;
    int error = 0; // errno of a failure
};

enum class HowToClose { gracefully, reset };

class Socket final : public EventHandler {
public:
    Socket() = default;
    ~Socket() { close(); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    // Takes ownership of a connected socket, whose options are set (socket_options.h). If the loop cannot watch it,
    // closes it, sets errno and returns false.
    bool open(EventLoop& loop, UniqueFd connection, Waker& waker);
    // Begins to connect. Once the socket is writable(), connect_error() returns the result. Returns 0, or the errno
    // value if connecting failed at once.
    int connect(EventLoop& loop, const conf::Endpoint& address, Waker& waker);
    // Returns the result of connecting: 0, or the errno value of the failure.
    int connect_error() const;
    // Returns the local address, which is unset if it is unknown.
    conf::Address local() const;
    // Does nothing if the socket is closed.
    void close(HowToClose how = HowToClose::gracefully);

    bool is_open() const { return static_cast<bool>(fd_); }
    // Returns the descriptor, which the socket keeps owning, or -1 if the socket is closed.
    int descriptor() const { return fd_.get(); }
    // Replaces the waker that is woken when the socket becomes readable or writable.
    void set_waker(Waker& waker) { waker_ = &waker; }
    void wake_user() { // null before `open`
        if (waker_) waker_->wake();
    }

    bool readable() const { return readable_; }
    bool writable() const { return writable_; }
    bool hung_up() const { return hung_up_; }           // the peer will send no more, or the connection is broken
    bool broken() const { return broken_; }             // reset, or failed otherwise: unread bytes are of no use
    bool fin_received() const { return fin_received_; } // the peer closed its side in order, even if an error followed
    bool at_end() const;                                // hung up, and no byte is left to read
    // Asks the kernel whether the connection is idle. Returns true if it is open and no byte is waiting to be read.
    bool is_idle();

    // Reads the bytes that have arrived into `into`, which must not be empty. The status is `end` after the peer's last
    // byte.
    IoResult receive(std::span<char> into);
    // Sends all of the bytes, or some of them.
    IoResult send(std::span<const iovec> parts);
    // Returns the number of bytes sent that the peer has not acknowledged.
    std::size_t unacked_bytes() const;
    // Closes this side of the connection (half-close). The peer may continue to send.
    void finish_sending();
    // Counts every byte that is received and sent from now on. The counters must outlive the socket.
    void count_bytes(balancer::Counter& received, balancer::Counter& sent) {
        received_count_ = &received;
        sent_count_ = &sent;
    }
    // Allows more unsent bytes in the kernel as the peer acknowledges more, so that a peer that reads nothing costs
    // little memory and time. Call it from time to time while sending much.
    void raise_unsent_low_water_mark();

private:
    void on_event(std::uint32_t epoll_events) override;

    UniqueFd fd_;
    bool readable_ = false, writable_ = false, hung_up_ = false, broken_ = false, fin_received_ = false;
    bool urgent_ = false; // the peer has sent urgent data: the kernel ends a read before it even if there is more
    std::uint64_t sent_ = 0;
    balancer::Counter *received_count_ = nullptr, *sent_count_ = nullptr;
    std::size_t credit_ = 0;
    EventLoop* loop_ = nullptr;
    Waker* waker_ = nullptr;
};

} // namespace weir::proxy
