// Selects a backend for one client, over as many tries as necessary. Remembers which backends were tried and which one
// the client is pinned to. If a reload replaces the pool, the selection continues in the new pool with everything that
// it has remembered.
//
// Thread: one worker's thread.
// Lifetime: the Client must outlive it; it holds the view that its pool belongs to.
#pragma once

#include "proxy/io/task.h"
#include "proxy/worker/client.h"

#include <array>
#include <optional>
#include <vector>

namespace weir::proxy {

struct Selection {
    enum class Outcome {
        chosen,
        full, // no free slot, and no room in the queue
        late, // no free slot within the queue's timeout
        none, // no backend is left to try
        client_gone,
    };
    Outcome outcome = Outcome::none;
    std::size_t member = 0;
    balancer::ConnectionSlot seat{}; // of the chosen member
};

// The owner of a selection, which prepares what depends on the pool.
class PoolUser {
public:
    // Called when the selection has moved to another pool and has not chosen a member there yet.
    virtual void on_pool_changed() = 0;

protected:
    ~PoolUser() = default;
};

class BackendSelection {
public:
    // `user` may be null if nothing but the selection depends on the pool.
    explicit BackendSelection(Client& client, PoolUser* user = nullptr) : client_(client), user_(user) {}
    BackendSelection(const BackendSelection&) = delete;
    BackendSelection& operator=(const BackendSelection&) = delete;

    // Sets the pool to select from, and the view that it belongs to. Must be called first.
    void begin(WorkerViewPtr view, WorkerPool& pool) {
        view_ = std::move(view);
        pool_ = &pool;
    }
    // Sets the key of the algorithm `hash` and the member that the client is pinned to.
    void go_by(std::optional<std::uint64_t> key, std::optional<std::size_t> home) { key_ = key, home_ = home; }
    // Replaces the key of the request alone.
    void hash_by(std::optional<std::uint64_t> key) { key_ = key; }

    // Chooses a member that was not tried yet, without waiting. Returns `full` if other requests wait in the queue.
    Selection try_select();
    // Like try_select(), but waits in the pool's queue for a free slot if the pool has a queue, until `latest`.
    Task<Selection> wait_for_slot(TimePoint latest = TimePoint::max());

    // Returns true if another member is left, and the configuration and the worker's retry budget allow another try.
    // Takes one retry from the budget. Counts a refusal of the budget in `retries_refused`.
    bool may_try_again(const conf::Retries& retries);

    WorkerPool& pool() const { return *pool_; }             // the current pool, which the members refer to
    std::size_t tries() const { return tries_; }            // number of members chosen so far
    std::size_t last() const { return tried_[count_ - 1]; } // the member that was chosen last
    std::optional<std::size_t> home() const { return home_; }

private:
    class Place;

    // Moves on to the pool that replaced the current one in a reload, and tells the user, who sets the key and the
    // pinned member again. Stays if the pool was removed from the configuration.
    void follow();
    Selection choose();
    bool is_particular() const { return count_ > 0 || home_; }
    std::optional<std::size_t> find_again(std::size_t member, const WorkerPool& next) const;

    Client& client_;
    PoolUser* const user_;
    WorkerViewPtr view_;
    std::vector<WorkerViewPtr> earlier_; // views left behind: reports may still name their backends
    WorkerPool* pool_ = nullptr;
    std::optional<std::uint64_t> key_;
    std::optional<std::size_t> home_;
    std::array<std::size_t, conf::max_attempts> tried_{};
    std::size_t count_ = 0; // number of tried members that are still in the pool
    std::size_t tries_ = 0;
};

} // namespace weir::proxy
