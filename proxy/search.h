// Looking for a backend for one client, over as many tries as it takes: which pool is asked, who has been tried, and
// where the client belongs. A reload may put another pool in the place of the one that was asked: the search goes on
// there, with all that it knows.
//
// Thread: one worker's thread.
// Lifetime: the client's side must outlive it; it holds the view that its pool belongs to.
#pragma once

#include "proxy/client_side.h"
#include "proxy/io/task.h"

#include <array>
#include <optional>
#include <vector>

namespace weir::proxy {

struct Turn {
    enum class Outcome {
        chosen,
        full,   // no seat, and no room in the queue or none in time
        nobody, // no one is left to ask
        client_gone,
    };
    Outcome outcome = Outcome::nobody;
    std::size_t member = 0;
    balancer::Seat seat{}; // of a chosen one
};

class Search {
public:
    explicit Search(ClientSide& client) : client_(client) {}
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;

    // Before anything else. `key` is what the algorithm `hash` goes by, `home` the member that the client belongs to.
    void begin(ViewPtr view, WorkerPool& pool) {
        view_ = std::move(view);
        pool_ = &pool;
    }
    void go_by(std::optional<std::uint64_t> key, std::optional<std::size_t> home) { key_ = key, home_ = home; }

    // Chooses one that has not been tried yet: at once, or not at all. Nobody overtakes those who wait.
    Turn try_turn();
    // The same, waiting in the pool's queue for a seat where that is worth while.
    Task<Turn> take_turn();

    WorkerPool& pool() const { return *pool_; }             // that was asked last; members are its
    std::size_t tries() const { return tries_; }            // how many have been chosen
    std::size_t last() const { return tried_[count_ - 1]; } // the one that was chosen last
    std::optional<std::size_t> home() const { return home_; }

private:
    class Place;

    Turn choose();
    void follow();
    bool is_particular() const { return count_ > 0 || home_; }
    std::optional<std::size_t> find_again(std::size_t member, const WorkerPool& next) const;

    ClientSide& client_;
    ViewPtr view_;
    std::vector<ViewPtr> earlier_; // that were left: reports may still name their backends
    WorkerPool* pool_ = nullptr;
    std::optional<std::uint64_t> key_;
    std::optional<std::size_t> home_;
    std::array<std::size_t, conf::most_attempts> tried_{};
    std::size_t count_ = 0; // of those that were tried, the ones that are still there
    std::size_t tries_ = 0;
};

} // namespace weir::proxy
