// A non-blocking TCP socket in an event loop. It remembers what the kernel last said about reading and writing, so that
// a call that could only answer "not yet" is never made.
//
// Thread: one event loop's thread.
// Lifetime: the loop and the waker must outlive it; it stays at one place in memory while it is open.
#pragma once

#include "conf/address.h"
#include "proxy/io/event_loop.h"
#include "proxy/io/fiber.h"

#include <cstdint>
#include <span>

#include <sys/uio.h>

namespace weir::proxy {

enum class IoStatus { ok, would_block, end, failed };

struct IoResult {
    IoStatus status;
    std::size_t bytes = 0;
    int error = 0; // errno, where it failed
};

enum class HowToClose { gracefully, reset };

class Socket final : public EventHandler {
public:
    Socket() = default;
    ~Socket() { close(); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    // Takes a connected descriptor. False, and errno, where the loop can't watch it; the descriptor is closed then.
    bool open(EventLoop& loop, int fd, Waker& waker);
    // Begins to connect; once writable(), connect_error() tells how it ended. Returns errno, 0 while it goes well.
    int connect(EventLoop& loop, const conf::Address& address, Waker& waker);
    int connect_error() const;   // errno, or 0
    conf::Address local() const; // the own end's; unset where it can't be told
    void close(HowToClose how = HowToClose::gracefully);

    bool is_open() const { return fd_ >= 0; }
    int descriptor() const { return fd_; }
    void set_waker(Waker& waker) { waker_ = &waker; }
    void wake_user() { // none before it is opened
        if (waker_) waker_->wake();
    }

    bool readable() const { return readable_; }
    bool writable() const { return writable_; }
    bool hung_up() const { return hung_up_; }   // the peer sends no more, or the connection is broken
    bool broken() const { return broken_; }     // reset, or another error: what it still says is of no use
    bool said_all() const { return said_all_; } // the peer ended in good order, whatever came after that
    bool at_end() const;                        // so it is, and nothing that it sent waits to be read
    bool is_quiet();                            // asks the kernel: open, and nothing waits to be read

    IoResult receive(std::span<char> into);
    IoResult send(std::span<const iovec> parts); // some of it, or all
    std::size_t untaken() const;                 // bytes sent that the peer has not acknowledged
    void finish_sending();                       // half-close
    // What waits in the kernel for a peer is bounded by what it has taken already, so that one that takes nothing costs
    // neither much memory nor much of the time of others. Call it now and then while much is sent.
    void raise_credit();

private:
    void on_event(std::uint32_t epoll_events) override;

    int fd_ = -1;
    bool readable_ = false, writable_ = false, hung_up_ = false, broken_ = false, said_all_ = false;
    std::uint64_t sent_ = 0;
    std::size_t credit_ = 0;
    EventLoop* loop_ = nullptr;
    Waker* waker_ = nullptr;
};

} // namespace weir::proxy
