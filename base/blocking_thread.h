// A thread for work that may block on the disk, one task at a time: a disk that hangs delays no other thread.
//
// Thread: any thread may post work.
// Lifetime: the destructor waits for pending work; call `wait_idle` first if that work may hang.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>

namespace weir {

class BlockingThread {
public:
    boost::asio::any_io_executor executor() { return pool_.get_executor(); }

    // Blocks until all posted work is done. Returns false if it is not done within `timeout`.
    bool wait_idle(std::chrono::milliseconds timeout);

private:
    boost::asio::thread_pool pool_{1};
};

} // namespace weir
