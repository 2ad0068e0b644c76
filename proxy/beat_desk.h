// Where beats come in: reads them, checks who signed them, and passes on what they say.
//
// Thread: the control thread.
// Lifetime: what it calls must outlive it.
#pragma once

#include "conf/error.h"
#include "health/monitor.h"
#include "proxy/adjustments.h"
#include "proxy/snapshot.h"

#include <boost/json/fwd.hpp>

#include <functional>
#include <map>
#include <optional>
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
    // Told what a backend wishes for, when that changes and with its first beat after an update.
    using OnWish = std::function<void(const balancer::BackendPtr&, const Override&)>;

    BeatDesk(health::Monitor& monitor, OnWish on_wish) : monitor_(monitor), on_wish_(std::move(on_wish)) {}

    // What backends there are from now on. Those of `standby`, which may be null, are heard as well: it may come back.
    void update(const Snapshot& now, const SnapshotPtr& standby, BeatTokens tokens);
    void forget_standby(const Snapshot& now);
    // Until the next update nobody's wishes are passed on: they would come between two configurations.
    void hold_wishes() { held_ = true; }

    // `body` is {"pool", "backend", "sequence", "time", "signature"} and, where the sender wishes, "weight" and
    // "drain".
    BeatAnswer take(std::string_view body);

private:
    struct Sender {
        balancer::BackendPtr backend;               // null: only one that stands by has the name
        balancer::BackendPtr standby;               // likewise; not the same one
        std::shared_ptr<const health::BeatKey> key; // its pool's
        health::BeatLedger* ledger = nullptr;       // in `ledgers_`
        std::optional<Override> wish = {};          // that was passed on last
    };
    using Keys = std::map<std::string, std::shared_ptr<const health::BeatKey>>;
    using Senders = std::unordered_map<std::string, Sender>;

    void enlist(Senders& senders, const Snapshot& snapshot, const Keys& keys, balancer::BackendPtr Sender::*as);

    health::Monitor& monitor_;
    OnWish on_wish_;
    Keys keys_;       // by pool
    Senders senders_; // by pool/backend
    bool held_ = false;
    // Likewise. They outlive their backends: what was sent to one that is back must not be played again.
    std::unordered_map<std::string, health::BeatLedger> ledgers_;
};

} // namespace weir::proxy
