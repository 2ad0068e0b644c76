// A client of one worker over in-memory sockets, for tests of whole exchanges.
//
// Thread: one.
// Lifetime: the client and the worker's idle connections end with it.
#pragma once

#include "tests/fuzz/support/memory_io.h"
#include "tests/fuzz/support/memory_worker.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

namespace weir::memory_io {

class MemorySite {
public:
    explicit MemorySite(conf::Config config) : worker(std::move(config)) {}
    ~MemorySite() {
        end(client());
        run();
        worker.mirrors.abort_all();
        worker.forget_idle();
        clear();
    }
    MemorySite(const MemorySite&) = delete;
    MemorySite& operator=(const MemorySite&) = delete;

    Wire& client() { return wire(client_); }
    // Returns the connection that weir has opened as its `index`th.
    static Wire& backend(std::size_t index) { return wire(connected().at(index)); }
    static std::size_t connections() { return connected().size(); }
    void run(std::chrono::milliseconds later = {}) { memory_io::run(worker.loop, later); }
    void say(Wire& from, const std::string& bytes) {
        arrive(from, bytes);
        run();
    }

    MemoryWorker worker;

private:
    const int client_ = worker.connect_client();
};

} // namespace weir::memory_io
