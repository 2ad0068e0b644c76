#include "proxy/runtime/host_resolver.h"

#include "base/signal_mask.h"
#include "base/timer.h"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

using OnFound = std::function<void(ResolvedHost)>;

// Receives the results of look-ups. A look-up that hangs may finish late, or never, and nothing waits for it.
struct Gate {
    Gate(LookUp function, asio::io_context& context) : resolve(std::move(function)), control(&context) {}

    const LookUp resolve;
    asio::io_context* control; // null once the resolver has stopped
    std::mutex mutex;          // for `control`
};

// The pool is never destroyed, because its destructor would wait for look-ups that hang.
asio::thread_pool& threads() {
    static auto* const pool = [] {
        block_signals();
        auto* const made = new asio::thread_pool(4);
        allow_signals();
        return made;
    }();
    return *pool;
}

void ask(const std::shared_ptr<Gate>& gate, const std::string& host, OnFound on_found) {
    asio::post(threads(), [gate, host, on_found = std::move(on_found)]() mutable {
        auto found = gate->resolve(host);
        const std::lock_guard lock(gate->mutex);
        if (gate->control)
            asio::post(*gate->control, [found = std::move(found), on_found = std::move(on_found)] { on_found(found); });
    });
}

constexpr conf::Duration pace_until_found{1000};

// One host name of a configuration: how often to look it up, and the path of its first use.
struct Use {
    conf::Duration every{0};
    std::string path;
};

std::map<std::string, Use> names_in(const conf::Config& config) {
    std::map<std::string, Use> names;
    for (const auto& pool : config.pools)
        for (std::size_t i = 0; i < pool.backends.size(); ++i) {
            const auto& address = pool.backends[i].address;
            if (!address.is_name()) continue;
            const auto every = pool.resolve_every.value_or(conf::usual_resolve_every);
            const auto path = "pools." + pool.name + ".backends[" + std::to_string(i) + "].address";
            const auto [it, fresh] = names.emplace(address.host, Use{every, path});
            if (!fresh) it->second.every = std::min(it->second.every, every);
        }
    return names;
}

} // namespace

struct HostResolver::State : std::enable_shared_from_this<State> {
    State(asio::io_context& context, AddressListener& told, LookUp resolve)
        : control(context), listener(told), gate(std::make_shared<Gate>(std::move(resolve), context)) {}

    struct Name {
        Name(asio::io_context& context, conf::Duration pace) : every(pace), timer(context), last(timer.now()) {}
        conf::Duration every;
        Timer timer;
        Clock::TimePoint last;       // time of the last look-up
        bool failure_logged = false; // whether the failure was logged
    };

    void wait(const std::string& host, const std::shared_ptr<Name>& name) {
        const auto pace = book[host].empty() ? std::min<conf::Duration>(name->every, pace_until_found) : name->every;
        name->timer.expires_at(name->last + pace);
        name->timer.wait([self = shared_from_this(), host, weak = std::weak_ptr(name)](WaitEnd end) {
            if (end == WaitEnd::cancelled || weak.expired()) return;
            ask(self->gate, host, [self, host, weak](ResolvedHost found) {
                const auto still = weak.lock(); // null if the name is no longer in use
                if (!still) return;
                still->last = still->timer.now();
                self->take(host, *still, std::move(found));
                self->wait(host, still);
            });
        });
    }

    void take(const std::string& host, Name& name, ResolvedHost found) {
        auto& known = book[host];
        if (!found) {
            if (!std::exchange(name.failure_logged, true) && !known.empty())
                spdlog::warn("cannot resolve \"{}\": {}; keeping its {} known addresses", host, found.error().message(),
                             known.size());
            return;
        }
        name.failure_logged = false;
        if (known == *found) return;
        spdlog::info("\"{}\" has {} addresses now; it had {}", host, found->size(), known.size());
        known = *std::move(found);
        listener.on_addresses_changed();
    }

    asio::io_context& control;
    AddressListener& listener;
    const std::shared_ptr<Gate> gate;
    AddressBook book;
    std::map<std::string, std::shared_ptr<Name>> watched;
};

namespace {

// The results of one `find`. Results that arrive after its end are dropped.
struct Answers {
    explicit Answers(asio::io_context& context) : come(context) {}

    bool has(const std::string& host) const { return found.contains(host) || failures.contains(host); }
    void take(const std::string& host, ResolvedHost answer) {
        if (answer) found[host] = *std::move(answer);
        else failures.emplace(host, answer.error());
        come.cancel();
    }

    AddressBook found;
    std::map<std::string, Error> failures;
    Timer come; // cancelled when a result arrives
};

} // namespace

HostResolver::HostResolver(asio::io_context& control, AddressListener& listener, LookUp resolve)
    : state_(std::make_shared<State>(control, listener, std::move(resolve))) {}

HostResolver::~HostResolver() { stop(); }

void HostResolver::stop() {
    const std::lock_guard lock(state_->gate->mutex);
    state_->gate->control = nullptr;
    state_->watched.clear();
}

const AddressBook& HostResolver::addresses() const { return state_->book; }

namespace {

using Uses = std::map<std::string, Use>;

// Looks up all names concurrently and waits at most `timeout` for the results.
asio::awaitable<std::shared_ptr<Answers>> look_up_all(const Uses& names, const std::shared_ptr<Gate>& gate,
                                                      asio::io_context& control, std::chrono::milliseconds timeout) {
    const auto answers = std::make_shared<Answers>(control);
    for (const auto& [name, _] : names) {
        const std::string& host = name;
        ask(gate, host, [weak = std::weak_ptr(answers), host](ResolvedHost found) {
            if (const auto still = weak.lock()) still->take(host, std::move(found));
        });
    }
    const auto is_known = [&](const auto& entry) { return answers->has(entry.first); };
    const auto end = answers->come.now() + timeout;
    while (!std::all_of(names.begin(), names.end(), is_known) && answers->come.now() < end) {
        answers->come.expires_at(end);
        co_await answers->come.wait();
    }
    co_return answers;
}

std::string reason_of(const std::string& host, const Answers& answers, std::chrono::milliseconds timeout) {
    const auto it = answers.failures.find(host);
    return "cannot resolve \"" + host +
           "\": " + (it == answers.failures.end() ? "no answer within " + conf::format(timeout) : it->second.message());
}

conf::Problem problem_of(const Use& use, std::string reason) {
    return {use.path, std::move(reason) + "; check its spelling and /etc/resolv.conf, or use an IP address"};
}

} // namespace

asio::awaitable<std::vector<conf::Problem>> HostResolver::find(const conf::Config& config, Unresolved unresolved,
                                                               std::chrono::milliseconds timeout) {
    std::vector<conf::Problem> problems;
    const auto state = state_;
    auto missing = names_in(config);
    std::erase_if(missing, [&](const auto& entry) { return state->book.contains(entry.first); });
    const auto answers = co_await look_up_all(missing, state->gate, state->control, timeout);
    state->book.merge(answers->found); // merge() keeps the addresses that another caller resolved in the meantime
    for (const auto& [host, use] : missing) {
        if (state->book.contains(host)) continue;
        auto text = reason_of(host, *answers, timeout);
        if (unresolved == Unresolved::retried) {
            spdlog::error("{}: {}; starting without these backends; the name is resolved again every second", use.path,
                          text);
            state->book[host] = {};
        } else {
            problems.push_back(problem_of(use, std::move(text)));
        }
    }
    co_return problems;
}

asio::awaitable<std::vector<conf::Problem>> HostResolver::try_to_find(const conf::Config& config,
                                                                      std::chrono::milliseconds timeout) const {
    std::vector<conf::Problem> problems;
    const auto state = state_;
    auto missing = names_in(config);
    std::erase_if(missing, [&](const auto& entry) { return state->book.contains(entry.first); });
    const auto answers = co_await look_up_all(missing, state->gate, state->control, timeout);
    for (const auto& [host, use] : missing)
        if (!answers->found.contains(host)) problems.push_back(problem_of(use, reason_of(host, *answers, timeout)));
    co_return problems;
}

void HostResolver::watch(std::initializer_list<const conf::Config*> configs) {
    std::map<std::string, Use> wanted;
    for (const auto* config : configs)
        if (config) wanted.merge(names_in(*config));
    std::erase_if(state_->watched, [&](const auto& entry) { return !wanted.contains(entry.first); });
    std::erase_if(state_->book, [&](const auto& entry) { return !wanted.contains(entry.first); });
    for (const auto& [host, use] : wanted) {
        auto& name = state_->watched[host];
        if (name && name->every == use.every) continue;
        const auto last = name ? name->last : clock_of(state_->control).now();
        name = std::make_shared<State::Name>(state_->control, use.every);
        name->last = last;
        state_->wait(host, name);
    }
}

} // namespace weir::proxy
