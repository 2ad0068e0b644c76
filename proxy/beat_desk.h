// Where beats come in: reads them, checks who signed them, and passes on what they say.
//
// Thread: the control thread.
// Lifetime: what it calls must outlive it.
#pragma once

#include "conf/error.h"
#include "health/monitor.h"
#include "proxy/snapshot.h"

#include <boost/json/fwd.hpp>

#include <functional>
#include <map>
#include <string>
#include <unordered_map>

namespace weir::proxy {

// The tokens of the pools whose backends send beats, by pool.
using BeatTokens = std::map<std::string, std::string>;

// Reads them; what cannot be read is told in `errors`.
BeatTokens read_beat_tokens(const conf::Config& config, std::vector<conf::Problem>& errors);

struct BeatAnswer {
    int status = 200;
    std::string why;                 // of a refusal
    std::uint64_t last_sequence = 0; // with 409: where a sender that has lost count goes on
    std::int64_t time_ms = 0;        // likewise, and what its clock should say
};

class BeatDesk {
public:
    // Told where a backend's wishes have changed.
    using OnWish = std::function<void(const balancer::BackendPtr&, const health::Beat&)>;

    BeatDesk(health::Monitor& monitor, OnWish on_wish) : monitor_(monitor), on_wish_(std::move(on_wish)) {}

    // What backends there are from now on.
    void update(const Snapshot& snapshot, BeatTokens tokens);

    // `body` is {"pool", "backend", "sequence", "time", "signature"} and, where the sender wishes, "weight" and
    // "drain".
    BeatAnswer take(std::string_view body);

private:
    struct Sender {
        balancer::BackendPtr backend;
        health::BeatLedger ledger;
        std::uint32_t weight = 0; // as it wished last
        bool drain = false;
    };

    health::Monitor& monitor_;
    OnWish on_wish_;
    BeatTokens tokens_;
    std::unordered_map<std::string, Sender> senders_; // by pool/backend
};

} // namespace weir::proxy
