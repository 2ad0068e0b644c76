// The limit of the requests that each client of one route may have in progress at a time.
//
// Thread: any; `admit` neither waits nor allocates. A seat belongs to one thread at a time.
// Lifetime: shared by the snapshots that have the same route with the same client key, so that a reload keeps its
// counts, and by the seats.
#pragma once

#include "conf/model/config.h"
#include "proxy/limits/client_hash.h"
#include "proxy/limits/concurrency_table.h"

#include <memory>
#include <string_view>
#include <utility>

namespace weir::proxy::limits {

class ConcurrencyLimiter {
public:
    // `secret` is random.
    ConcurrencyLimiter(const conf::ClientKey& key, const SipKey& secret);

    // Counts a request of a client, unless it has `max` in progress.
    template <class Client> ConcurrencyDecision admit(const Client& client, std::uint32_t max) {
        return table_.acquire(hash_.of(client), max);
    }

    const conf::ClientKey& key() const { return key_; }

private:
    const conf::ClientKey key_;
    const ClientHash hash_;
    ConcurrencyTable table_;
};

// The place of one request among those of its client. It is given up when this is destroyed.
class ConcurrencySeat {
public:
    ConcurrencySeat() = default; // none
    // `slot` is one of the limiter's, or null.
    ConcurrencySeat(std::shared_ptr<ConcurrencyLimiter> limiter, ConcurrencySlot* slot)
        : limiter_(std::move(limiter)), slot_(slot) {}
    ConcurrencySeat(ConcurrencySeat&& other) noexcept
        : limiter_(std::move(other.limiter_)), slot_(std::exchange(other.slot_, nullptr)) {}
    ConcurrencySeat& operator=(ConcurrencySeat&& other) noexcept {
        std::swap(limiter_, other.limiter_);
        std::swap(slot_, other.slot_);
        return *this;
    }
    ~ConcurrencySeat() {
        if (slot_) ConcurrencyTable::release(*slot_);
    }

private:
    std::shared_ptr<ConcurrencyLimiter> limiter_; // owns the slot
    ConcurrencySlot* slot_ = nullptr;
};

} // namespace weir::proxy::limits
