// The old process's side of a binary upgrade: it starts the program anew, hands over what it has (handover.h), and may
// go once the new process says that it serves. If that one fails to start, nothing has happened.
//
// Thread: the control thread; nothing blocks.
// Lifetime: must outlive its coroutines.
#pragma once

#include "proxy/handover.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <set>
#include <string>

#include <sys/types.h>

namespace weir::proxy {

class Upgrade {
public:
    explicit Upgrade(boost::asio::io_context& control) : control_(control), channel_(control) {}

    // Starts the program of this process's command line, as the file system has it now, and waits until it serves.
    // Returns why it does not; empty: it does, and waits for `confirm`.
    boost::asio::awaitable<std::string> run(const Handover& handover);
    // Tells the new process to go on. Ends when everyone who has to know of it does.
    boost::asio::awaitable<std::string> confirm();
    // Weir is to stop: the new process must not go on instead.
    void abandon();

    pid_t process() const { return process_; } // the new one
    // What the new process has no use for: listeners' addresses, and "admin".
    const std::set<std::string>& unused() const { return unused_; }

private:
    boost::asio::awaitable<std::string> converse(const Handover& handover);
    boost::asio::awaitable<std::string> end_process();

    boost::asio::io_context& control_;
    boost::asio::posix::stream_descriptor channel_;
    pid_t process_ = -1;
    bool serves_ = false, told_to_go_ = false;
    std::set<std::string> unused_;
};

} // namespace weir::proxy
