#include "proxy/cutter.h"

#include <set>

namespace weir::proxy {

struct Cutter::Sentence {
    Sentence(boost::asio::io_context& control, balancer::BackendPtr who) : backend(std::move(who)), timer(control) {}

    balancer::BackendPtr backend;
    boost::asio::steady_timer timer;
    bool done = false;
};

void Cutter::pass(const balancer::BackendPtr& backend, conf::Duration after) {
    auto& sentence = sentences_[backend.get()];
    const auto end = std::chrono::steady_clock::now() + after;
    if (sentence && (sentence->done || sentence->timer.expiry() <= end)) return; // its time runs already
    sentence = std::make_shared<Sentence>(control_, backend);
    sentence->timer.expires_at(end);
    sentence->timer.async_wait([this, weak = std::weak_ptr(sentence)](boost::system::error_code error) {
        const auto self = weak.lock();
        if (error || !self) return;
        self->done = true; // it stays on the list: one time in maintenance is one cut
        cut_(self->backend);
    });
}

void Cutter::update(const SnapshotPtr& before, const SnapshotPtr& now) {
    std::set<const balancer::Backend*> wanted;
    for (const auto& pool : now->pools)
        for (const auto& member : pool->members) {
            if (member.state == conf::AdminState::maint) pass(member.backend, now->config.process.drain_timeout);
            else if (sentences_.erase(member.backend.get()) > 0) // it comes back, slowly where the pool says so
                member.backend->set_ramp_start(std::chrono::steady_clock::now());
            wanted.insert(member.backend.get());
        }
    if (before)
        for (const auto& pool : before->pools)
            for (const auto& member : pool->members)
                if (pool->config.close_after && !wanted.contains(member.backend.get()))
                    pass(member.backend, *pool->config.close_after);
    // Those that have gone and were cut need no place any more.
    std::erase_if(sentences_, [&](const auto& entry) { return !wanted.contains(entry.first) && entry.second->done; });
}

} // namespace weir::proxy
