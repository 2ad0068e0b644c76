// Shared by the tests of transfers: connections in memory.
//
// Thread: the test's.
// Lifetime: a connection's wire lives until the end of the process.
#pragma once

#include "proxy/io/event_loop.h"
#include "proxy/io/stream.h"
#include "tests/fuzz/support/memory_io.h"

#include <string>

namespace weir::tests {

class MemoryConnection final : public proxy::Waker {
public:
    MemoryConnection() { stream.open(loop_, UniqueFd(descriptor_), *this); }

    memory_io::Wire& wire() { return memory_io::wire(descriptor_); }
    void arrive(std::string_view bytes) { memory_io::arrive(wire(), bytes); }
    const std::string& sent() { return wire().sent; }

    void wake() override {}

private:
    proxy::EventLoop loop_;
    const int descriptor_ = memory_io::make_wire();

public:
    proxy::Stream stream;
};

} // namespace weir::tests
