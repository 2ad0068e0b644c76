// A thread for what may block on the disk, one thing after the other: a disk that hangs holds up nobody else.
//
// Thread: any may hand something to it.
// Lifetime: it waits, when it ends, for what it is doing; ask `comes_to_rest` before where that may take for ever.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>

namespace weir::proxy {

class DiskThread {
public:
    boost::asio::any_io_executor executor() { return pool_.get_executor(); }

    // Whether all that was handed to it is done within a time. Blocks meanwhile.
    bool comes_to_rest(std::chrono::milliseconds patience);

private:
    boost::asio::thread_pool pool_{1};
};

} // namespace weir::proxy
