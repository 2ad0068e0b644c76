// In-memory sockets and event loop for the data path, linked in place of proxy/io/socket.cpp and event_loop.cpp.
// Sessions and exchanges run unchanged, and a fuzz target decides which bytes arrive when, and in which pieces.
//
// Thread: one.
// Lifetime: wires live until `clear`.
#pragma once

#include "proxy/io/socket.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::memory_io {

// One connection, seen from weir's peer.
struct Wire {
    std::string arriving; // what the peer has sent
    std::size_t read = 0; // how many of these bytes weir has read
    bool ended = false, reset = false;
    std::string sent;                                      // what weir has sent
    std::vector<std::pair<std::size_t, std::size_t>> when; // pairs of an offset in `sent` and its moment
    std::size_t window = ~std::size_t{0};                  // how much more weir may send
    bool closed = false;                                   // weir has closed it, or its sending side
    proxy::Socket* socket = nullptr;                       // while weir has it open
};

// Creates a wire; its descriptor is its number.
int make_wire();
Wire& wire(int descriptor);
const std::vector<int>& connected(); // the wires that weir has opened to backends, in order
void clear();
void fail_connects(int error); // from now on, with this errno, until `clear`; 0: they succeed again

// Writes to stderr what a peer has sent and got, after a failure.
void dump(const char* name, const Wire& wire);

// Actions of the peer; each wakes weir.
void arrive(Wire& at, std::string_view bytes);
void end(Wire& at);
void reset(Wire& at);
void widen(Wire& at, std::size_t bytes);

// Advances the clock by `later`, then runs the loop until no coroutine yields any more.
void run(proxy::EventLoop& loop, std::chrono::milliseconds later = {});

} // namespace weir::memory_io
