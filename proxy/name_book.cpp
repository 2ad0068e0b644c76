#include "proxy/name_book.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;
using OnFound = std::function<void(Found)>;

// Where answers come back to. They may come late: a look-up that hangs is waited for by nobody, not even at the end.
struct Gate {
    std::mutex mutex;
    asio::io_context* control; // null once nobody is there any more
};

// Never destroyed: that would wait for what hangs.
asio::thread_pool& threads() {
    static auto* const pool = new asio::thread_pool(4);
    return *pool;
}

void ask(const std::shared_ptr<Gate>& gate, const std::string& host, OnFound on_found) {
    asio::post(threads(), [gate, host, on_found = std::move(on_found)]() mutable {
        auto found = look_up(host);
        const std::lock_guard lock(gate->mutex);
        if (gate->control)
            asio::post(*gate->control, [found = std::move(found), on_found = std::move(on_found)] { on_found(found); });
    });
}

// Each name that a configuration uses: how often it is to be looked up, and where it stands first.
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

struct NameBook::State : std::enable_shared_from_this<State> {
    State(asio::io_context& context, std::function<void()> changed) : control(context), on_change(std::move(changed)) {
        gate->control = &context;
    }

    struct Name {
        Name(asio::io_context& context, conf::Duration pace) : every(pace), timer(context) {}
        conf::Duration every;
        Clock::time_point last = Clock::now(); // that it was looked up
        asio::steady_timer timer;
        bool told = false; // that it cannot be found
    };

    void wait(const std::string& host, const std::shared_ptr<Name>& name) {
        name->timer.expires_at(name->last + name->every);
        name->timer.async_wait([self = shared_from_this(), host, weak = std::weak_ptr(name)](auto error) {
            const auto mine = weak.lock();
            if (error || !mine) return;
            ask(self->gate, host, [self, host, weak](Found found) {
                const auto still = weak.lock(); // nobody may want it by now
                if (!still) return;
                still->last = Clock::now();
                self->take(host, *still, std::move(found));
                self->wait(host, still);
            });
        });
    }

    void take(const std::string& host, Name& name, Found found) {
        auto& known = book[host];
        if (found.addresses.empty()) {
            if (!std::exchange(name.told, true))
                spdlog::warn("\"{}\" cannot be found: {}; its {} addresses stand", host, found.why, known.size());
            return;
        }
        name.told = false;
        if (known == found.addresses) return;
        spdlog::info("\"{}\" has {} addresses now, it had {}", host, found.addresses.size(), known.size());
        known = std::move(found.addresses);
        on_change();
    }

    asio::io_context& control;
    std::function<void()> on_change;
    std::shared_ptr<Gate> gate = std::make_shared<Gate>();
    AddressBook book;
    std::map<std::string, std::shared_ptr<Name>> watched;
};

namespace {

// The answers to one `find`. Those that come when it is over find nobody.
struct Answers {
    explicit Answers(asio::io_context& context) : come(context) {}

    bool has(const std::string& host) const { return found.contains(host) || failures.contains(host); }
    void take(const std::string& host, Found answer) {
        if (answer.addresses.empty()) failures[host] = answer.why;
        else found[host] = std::move(answer.addresses);
        come.cancel();
    }

    AddressBook found;
    std::map<std::string, std::string> failures;
    asio::steady_timer come; // cancelled when an answer has
};

} // namespace

NameBook::NameBook(asio::io_context& control, std::function<void()> on_change)
    : state_(std::make_shared<State>(control, std::move(on_change))) {}

NameBook::~NameBook() { stop(); }

void NameBook::stop() {
    const std::lock_guard lock(state_->gate->mutex);
    state_->gate->control = nullptr;
    state_->watched.clear();
}

const AddressBook& NameBook::addresses() const { return state_->book; }

asio::awaitable<void> NameBook::find(const conf::Config& config, std::vector<conf::Problem>& errors,
                                     std::chrono::milliseconds patience) {
    const auto state = state_;
    auto missing = names_in(config);
    std::erase_if(missing, [&](const auto& entry) { return state->book.contains(entry.first); });
    const auto answers = std::make_shared<Answers>(state->control);
    for (const auto& [name, _] : missing) {
        const std::string& host = name;
        ask(state->gate, host, [weak = std::weak_ptr(answers), host](Found found) {
            if (const auto still = weak.lock()) still->take(host, std::move(found));
        });
    }
    const auto is_known = [&](const auto& entry) { return answers->has(entry.first); };
    const auto end = Clock::now() + patience;
    while (!std::all_of(missing.begin(), missing.end(), is_known) && Clock::now() < end) {
        answers->come.expires_at(end);
        co_await answers->come.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    state->book.merge(answers->found); // another may have asked meanwhile: what is watched already stands
    for (const auto& [host, use] : missing) {
        if (state->book.contains(host)) continue;
        const auto it = answers->failures.find(host);
        const auto why = it == answers->failures.end() ? "no answer within " + conf::format(patience) : it->second;
        errors.push_back({use.path, "cannot find \"" + host + "\": " + why +
                                        "; look at its spelling and at /etc/resolv.conf, or write an IP address"});
    }
}

void NameBook::watch(std::initializer_list<const conf::Config*> configs) {
    std::map<std::string, Use> wanted;
    for (const auto* config : configs)
        if (config) wanted.merge(names_in(*config));
    std::erase_if(state_->watched, [&](const auto& entry) { return !wanted.contains(entry.first); });
    std::erase_if(state_->book, [&](const auto& entry) { return !wanted.contains(entry.first); });
    for (const auto& [host, use] : wanted) {
        auto& name = state_->watched[host];
        if (name && name->every == use.every) continue;
        const auto last = name ? name->last : Clock::now();
        name = std::make_shared<State::Name>(state_->control, use.every);
        name->last = last;
        state_->wait(host, name);
    }
}

} // namespace weir::proxy
