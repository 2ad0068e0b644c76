// The data path's sockets and event loop in memory: linked in place of proxy/io/socket.cpp and event_loop.cpp, so that
// sessions and exchanges run as they are, and a fuzz target decides what arrives when, in which pieces.
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
    std::size_t read = 0; // how much of it weir has taken
    bool ended = false, reset = false;
    std::string sent;                                      // what weir has sent
    std::vector<std::pair<std::size_t, std::size_t>> when; // offsets in `sent`, and the moment of each
    std::size_t window = ~std::size_t{0};                  // how much more weir may send
    bool closed = false;                                   // by weir, or its sending end
    proxy::Socket* socket = nullptr;                       // while weir has it open
};

// A wire whose descriptor is its number.
int make_wire();
Wire& wire(int descriptor);
const std::vector<int>& connected(); // wires that weir has connected itself, in order
void clear();

// What the peer does; weir is woken.
void arrive(Wire& at, std::string_view bytes);
void end(Wire& at);
void reset(Wire& at);
void widen(Wire& at, std::size_t bytes);

// Rounds of the loop: until nobody has yielded any more, at a time `later` than before.
void run(proxy::EventLoop& loop, std::chrono::milliseconds later = {});

} // namespace weir::memory_io
