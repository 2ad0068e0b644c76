// A non-blocking TCP socket in an event loop. It remembers what the kernel last reported about reading and writing, so
// that it makes no system call that could only return EAGAIN.
//
// Thread: one event loop's thread.
// Lifetime: the loop and the waker must outlive it; it must not move while it is open.
#pragma once

#include "balancer/counter.h"
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

    // Takes a connected descriptor. Returns false, with errno, if the loop cannot watch it, and closes it then.
    bool open(EventLoop& loop, int fd, Waker& waker);
    // Begins to connect; once writable(), connect_error() returns the result. Returns errno, or 0 on success.
    int connect(EventLoop& loop, const conf::Endpoint& address, Waker& waker);
    int connect_error() const;   // errno, or 0
    conf::Address local() const; // the local address; unset if it is unknown
    void close(HowToClose how = HowToClose::gracefully);

    bool is_open() const { return fd_ >= 0; }
    int descriptor() const { return fd_; }
    void set_waker(Waker& waker) { waker_ = &waker; }
    void wake_user() { // null before `open`
        if (waker_) waker_->wake();
    }

    bool readable() const { return readable_; }
    bool writable() const { return writable_; }
    bool hung_up() const { return hung_up_; } // the peer sends no more, or the connection is broken
    bool broken() const { return broken_; }   // reset, or another error: bytes that are still to be read are of no use
    bool fin_received() const { return fin_received_; } // the peer ended in order, whatever happened later
    bool at_end() const;                                // hung up, and no byte is left to be read
    bool is_idle();                                     // asks the kernel: still open, and no byte is waiting

    IoResult receive(std::span<char> into);
    IoResult send(std::span<const iovec> parts); // sends all bytes or some of them
    std::size_t unacked_bytes() const;           // bytes sent that the peer has not acknowledged
    void finish_sending();                       // half-close
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

    int fd_ = -1;
    bool readable_ = false, writable_ = false, hung_up_ = false, broken_ = false, fin_received_ = false;
    bool urgent_ = false; // the peer has sent urgent data: the kernel ends a read before it even if there is more
    std::uint64_t sent_ = 0;
    balancer::Counter *received_count_ = nullptr, *sent_count_ = nullptr;
    std::size_t credit_ = 0;
    EventLoop* loop_ = nullptr;
    Waker* waker_ = nullptr;
};

} // namespace weir::proxy
