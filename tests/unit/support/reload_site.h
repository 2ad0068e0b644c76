// A weir without clients, on a manual clock: a configuration file and a state_dir in a temporary directory, a runtime
// with one worker, and all parts of the reload machinery.
//
//   ReloadSite site("{rollback: {window: 1s}}");
//   site.write(2);                                      // two backends
//   const auto report = site.reload();
//
// Thread: the test's; the runtime has a worker and the disks have threads of their own.
// Lifetime: one per test.
#pragma once

#include "base/unique_fd.h"
#include "proxy/reload/reloader.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/support/manual_clock.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir::test {

// Configuration files that are not watched.
class UnwatchedFiles : public proxy::ConfigFiles {
public:
    void set_files(const std::vector<std::string>&) override {}
    bool are_being_written() const override { return being_written; }
    conf::WatchMode mode() const override { return conf::WatchMode::polling; }
    const std::optional<std::string>& problem() const override { return problem_; }

    bool being_written = false;

private:
    std::optional<std::string> problem_;
};

// A TCP port of 127.0.0.1.
class LoopbackPort {
public:
    // Finds a free port, and occupies it until `release`.
    LoopbackPort();

    void release() { socket_.reset(); }
    std::string text() const { return "127.0.0.1:" + std::to_string(number_); }

private:
    UniqueFd socket_;
    std::uint16_t number_ = 0;
};

class ReloadSite {
    std::optional<ManualClock> clock_; // outlives the timers of `control`

public:
    using Report = std::shared_ptr<std::optional<proxy::ReloadReport>>; // empty while the reload is in progress

    // Starts with one backend. `reload` is the file's section of that name.
    explicit ReloadSite(std::string reload = "{rollback: {window: 1s}}");
    ~ReloadSite();

    // Returns the text of a file with this many backends. `listeners` adds listeners, as in "b: {…}".
    std::string text(int backends, const std::string& listeners = "") const;
    // Replaces the file. Returns the new hash.
    std::string write(const std::string& text);
    std::string write(int backends) { return write(text(backends)); }

    // Reloads as an operator does, and waits for the end.
    proxy::ReloadReport reload(proxy::Force force = proxy::Force::no);
    Report begin_reload(proxy::Force force = proxy::Force::no);
    // Begins a reload, and waits until its canary window is open.
    Report begin_window();
    // Waits for the end of a reload.
    proxy::ReloadReport end(const Report& report);

    template <class T> T wait(boost::asio::awaitable<T> work) {
        std::optional<T> result;
        boost::asio::co_spawn(control, std::move(work), [&](const std::exception_ptr& failure, T value) {
            if (failure) std::rethrow_exception(failure);
            result = std::move(value);
        });
        wait_until([&] { return result.has_value(); });
        return *std::move(result);
    }
    // Throws if a minute passes before the condition holds.
    void wait_until(const std::function<bool()>& condition);

    void set_verdicts(balancer::Verdict verdict); // those of all backends in force
    std::string hash_in_force() const { return parts->hash_in_force(); }
    std::string last_good() const; // the hash of the stored configuration; empty if there is none
    bool is_denied(const std::string& hash) const { return parts->store.find_bad(hash) != nullptr; }

    tests::TempDirectory directory;
    LoopbackPort port;
    boost::asio::io_context control{1};
    ManualClock& clock = clock_.emplace(control);
    UnwatchedFiles files;
    std::optional<proxy::Runtime> runtime;
    std::optional<proxy::ReloadParts> parts;
    std::optional<proxy::Reloader> reloader;

private:
    std::string path() const { return directory.path / "weir.yaml"; }

    const std::string reload_;
};

// Holds the reload lock as another process would, until the result is destroyed or reset.
UniqueFd hold_lock(const ReloadSite& site);

} // namespace weir::test
