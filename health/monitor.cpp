#include "health/monitor.h"

#include "health/probe.h"
#include "health/schedule.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <utility>

namespace weir::health {

namespace asio = boost::asio;

namespace {

// The next of the moments at which timers of many backends end together: each by itself would wake the thread.
std::chrono::steady_clock::time_point together(std::chrono::steady_clock::time_point time) {
    return std::chrono::ceil<std::chrono::duration<std::int64_t, std::ratio<1, 40>>>(time);
}

} // namespace

// Whether a backend was there from the start, or is to begin slowly once it is up.
enum class Arrival { at_start, later };

// Whether a backend that is no longer watched in one way will be in another.
enum class Standing { stays, leaves };

// Probes one backend until it is told to stop.
class Monitor::Watcher : public std::enable_shared_from_this<Watcher> {
public:
    Watcher(asio::io_context& context, const Target& target, std::shared_ptr<std::mt19937> random, OnVerdict on_verdict,
            Arrival arrival, double phase)
        : target_(target), random_(std::move(random)), on_verdict_(std::move(on_verdict)), timer_(context),
          arrival_(arrival), phase_(phase) {}

    Health health;

    bool does(const Target& target) const {
        return target_.check == target.check && target_.proxy_protocol == target.proxy_protocol;
    }

    void start() {
        if (!target_.check) return decide(Verdict::up);
        if (target_.check->mode == conf::CheckMode::push) {
            if (target_.backend->verdict() == Verdict::up) listen(); // as another process, or another check, knew
            return;
        }
        probe_ = make_probe(*target_.check);
        asio::co_spawn(timer_.get_executor(), run(shared_from_this()), asio::detached);
    }
    void beat() {
        if (stopped_ || !target_.check || target_.check->mode != conf::CheckMode::push) return;
        last_beat_ = std::chrono::steady_clock::now();
        take({ProbeOutcome::passed, ""});
        if (!listening_) listen();
    }
    void stop(Standing standing) {
        stopped_ = true;
        if (standing == Standing::leaves)
            target_.backend->set_verdict(Verdict::unknown); // who brings it back looks anew
        timer_.cancel();
    }

private:
    static asio::awaitable<void> run(std::shared_ptr<Watcher> self) {
        const auto& check = *self->target_.check;
        auto address = self->target_.backend->address();
        const auto header = check.port ? std::string_view() : own_proxy_header(self->target_.proxy_protocol);
        if (check.port) address.set_port(static_cast<std::uint16_t>(check.port));
        auto next = std::chrono::steady_clock::now() + first_delay(check.interval, self->phase_);
        double dice = 0;
        for (bool first = true; !self->stopped_; first = false) {
            self->timer_.expires_at(next);
            co_await self->timer_.async_wait(asio::as_tuple(asio::use_awaitable));
            if (self->stopped_) break;
            const auto before = std::exchange(dice, first ? 0 : self->dice());
            next += first ? second_delay(check.interval, self->phase_) : next_delay(check.interval, before, dice);
            next = std::max(next, std::chrono::steady_clock::now()); // weir itself may have been stopped
            const auto result = co_await run_probe(*self->probe_, address, header, check.timeout);
            if (!self->stopped_) self->take(result);
        }
    }

    // Waits for the moment at which `fall` beats are missing. A beat only notes its time: the timer looks at that when
    // it ends, so that a beat costs no timer.
    void listen() {
        listening_ = true;
        if (last_beat_ == std::chrono::steady_clock::time_point()) last_beat_ = std::chrono::steady_clock::now();
        timer_.expires_at(together(last_beat_ + target_.check->interval * target_.check->fall));
        timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
            if (error || self->stopped_) return;
            const auto limit = self->target_.check->interval * self->target_.check->fall;
            if (std::chrono::steady_clock::now() - self->last_beat_ < limit) return self->listen();
            self->listening_ = false; // until the next beat
            self->health.why = "no beat for " + conf::format(limit);
            self->health.progress = {0, self->target_.check->fall};
            ++self->health.failed_checks;
            self->decide(Verdict::down);
        });
    }

    void take(const ProbeResult& result) {
        const auto& check = *target_.check;
        ++health.checks;
        if (result.outcome != ProbeOutcome::passed) health.why = result.why;
        if (result.outcome == ProbeOutcome::failed) ++health.failed_checks;
        decide(Thresholds{check.fall, check.rise}.observe(target_.backend->verdict(), health.progress, result.outcome));
    }

    void decide(Verdict verdict) {
        const auto before = target_.backend->verdict();
        if (verdict == before) return;
        if (verdict == Verdict::down) ++health.ejections;
        const bool comes = before == Verdict::down || arrival_ == Arrival::later;
        if (verdict == Verdict::up && comes) target_.backend->set_ramp_start(std::chrono::steady_clock::now());
        health.since = std::chrono::system_clock::now();
        target_.backend->set_verdict(verdict);
        on_verdict_(target_.backend, before, health);
    }

    double dice() { return std::uniform_real_distribution<double>(0, 1)(*random_); }

    const Target target_;
    std::shared_ptr<std::mt19937> random_;
    OnVerdict on_verdict_;
    asio::steady_timer timer_;
    std::unique_ptr<Probe> probe_;
    const Arrival arrival_;
    const double phase_; // where in its interval it begins
    std::chrono::steady_clock::time_point last_beat_{};
    bool listening_ = false, stopped_ = false;
};

Monitor::Monitor(asio::io_context& context, OnVerdict on_verdict)
    : context_(context), on_verdict_(std::move(on_verdict)),
      random_(std::make_shared<std::mt19937>(std::random_device{}())),
      phase_(std::uniform_real_distribution<double>(0, 1)(*random_)) {}

Monitor::~Monitor() { stop(); }

void Monitor::inherit(const balancer::BackendPtr& backend, Verdict verdict, Progress progress) {
    if (const auto it = watchers_.find(backend.get()); it != watchers_.end()) it->second->stop(Standing::stays);
    backend->set_verdict(verdict);
    inherited_[backend.get()] = progress;
}

void Monitor::watch(const std::vector<Target>& targets) {
    std::unordered_map<const balancer::Backend*, std::shared_ptr<Watcher>> now;
    for (const auto& target : targets) {
        const auto known = watchers_.find(target.backend.get());
        const auto told = inherited_.find(target.backend.get());
        auto& watcher = now[target.backend.get()];
        if (known != watchers_.end() && told == inherited_.end() && known->second->does(target)) {
            watcher = std::move(known->second);
            watchers_.erase(known);
            continue;
        }
        watcher = std::make_shared<Watcher>(context_, target, random_, on_verdict_,
                                            started_ ? Arrival::later : Arrival::at_start, next_phase());
        if (known != watchers_.end()) {
            watcher->health = known->second->health;
            watcher->health.progress = {};
        }
        if (told != inherited_.end()) watcher->health.progress = told->second;
        watcher->start();
    }
    inherited_.clear();
    started_ = true;
    for (auto& [backend, watcher] : watchers_)
        watcher->stop(now.contains(backend) ? Standing::stays : Standing::leaves);
    watchers_ = std::move(now);
}

// By the golden ratio: however many there are, they lie evenly, and no two begin together.
double Monitor::next_phase() {
    phase_ += 0.6180339887498949;
    if (phase_ >= 1) phase_ -= 1;
    return phase_;
}

void Monitor::beat(const balancer::Backend& backend) {
    if (const auto it = watchers_.find(&backend); it != watchers_.end()) it->second->beat();
}

const Health* Monitor::find(const balancer::Backend& backend) const {
    const auto it = watchers_.find(&backend);
    return it == watchers_.end() ? nullptr : &it->second->health;
}

} // namespace weir::health
