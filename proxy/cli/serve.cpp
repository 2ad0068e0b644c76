#include "base/signal_mask.h"
#include "conf/read/load.h"
#include "conf/read/page_files.h"
#include "conf/read/schema.h"
#include "conf/read/tls_contexts.h"
#include "conf/read/token_file.h"
#include "conf/read/users_file.h"
#include "conf/store/denylist.h"
#include "conf/store/last_good.h"
#include "proxy/cli/commands.h"
#include "proxy/cli/config_errors.h"
#include "proxy/fleet/pushed_version.h"
#include "proxy/fleet/startup_query.h"
#include "proxy/process/process.h"

#include <boost/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <sys/stat.h>
#include <unistd.h>

namespace weir::proxy::cli {
namespace {

void print_errors_and_count(const conf::Loaded& loaded) {
    print_errors(loaded);
    std::cerr << "weir: " << loaded.errors.size() << (loaded.errors.size() == 1 ? " error\n" : " errors\n");
}

// Returns whether weir can keep its state there; otherwise prints an error with advice.
bool has_state_dir(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (!error && ::access(path.c_str(), W_OK | X_OK) == 0) return true;
    std::cerr << "weir: process.state_dir: " << path << " cannot be written to"
              << (error ? " (" + error.message() + ")" : "")
              << "; create it for this user, or name another directory\n";
    return false;
}

// Prints the schema indented, for people.
void print_indented(std::ostream& out, const boost::json::value& value, const std::string& indent = "") {
    if (!value.is_object() || value.as_object().empty()) {
        out << boost::json::serialize(value);
        return;
    }
    out << "{\n";
    std::size_t left = value.as_object().size();
    for (const auto& [key, inner] : value.as_object()) {
        out << indent << "  " << boost::json::serialize(key) << ": ";
        print_indented(out, inner, indent + "  ");
        out << (--left ? ",\n" : "\n");
    }
    out << indent << "}";
}

// Loads the stored last good configuration, to be used in place of an invalid file.
std::optional<conf::Loaded> load_last_good(const std::string& path, const std::string& state_dir,
                                           const conf::Loaded& bad) {
    const auto kept = conf::LastGoodStore(state_dir, path).read();
    if (!kept) {
        std::cerr << "weir: cannot start with the last good configuration: " << kept.error().message() << "\n";
        return std::nullopt;
    }
    auto good = conf::load_sources(kept->files);
    if (!good.ok()) {
        std::cerr << "weir: the last good configuration is invalid, too:\n";
        print_errors_and_count(good);
        return std::nullopt;
    }
    std::cerr << "weir: WARNING: the file is invalid; starting with the last good configuration (hash "
              << kept->hash.substr(0, 12) << ")\n";
    good.seen_hash = bad.hash; // only a file that differs from this one triggers a reload
    good.watched = bad.watched;
    return good;
}

// Chooses the configuration to start with: the file, or a replacement. Returns nothing if there is none.
class Choice {
public:
    explicit Choice(const Start& start) : start_(start), file_(conf::load(start.config)) {
        const bool is_known = file_.ok() || start.state_dir.empty();
        state_dir_ = is_known ? file_.config.process.state_dir : start.state_dir;
        auto known = conf::Denylist::read(state_dir_);
        if (known) known_ = *std::move(known);
        else
            std::cerr << "weir: WARNING: the denylist in " << state_dir_
                      << " cannot be read, and will not be updated: " << known.error().message() << "\n";
        if (file_.ok()) ask();
    }

    std::optional<conf::Loaded> make() {
        if (!file_.ok()) print_errors_and_count(file_);
        if (file_.ok() && file_.config.reload.source == conf::ConfigSource::fleet)
            if (auto pushed = from_fleet()) return pushed;
        const bool bad = file_.ok() && is_bad(start_.config, file_.hash, verdict_);
        if (file_.ok() && !bad) return std::move(file_);
        if (start_.last_good) return load_last_good(start_.config, state_dir_, file_);
        if (bad) std::cerr << "weir: change it, start with the last good one (--last-good), or override (--force)\n";
        return std::nullopt;
    }

private:
    void ask() {
        auto answer = ask_fleet(file_.config.reload, file_.hash);
        if (answer) verdict_ = answer->verdict;
        if (answer && answer->pushed) pushed_ = *std::move(answer->pushed);
        else
            std::cerr << "weir: WARNING: cannot ask the fleet about this configuration: "
                      << (answer ? answer->pushed.error() : answer.error()).message() << "\n";
    }

    // Returns whether it was rolled back here or on another machine. A fleet that does not answer counts as no.
    bool is_bad(const std::string& what, const std::string& hash, const lock::FleetVerdict& there) const {
        // --force at a start does not apply to the configurations that a hot restart finds.
        if (start_.force && !std::getenv(handover_variable)) return false;
        const auto* here = known_.find(hash);
        if (here && here->is_unbanned_by(there.unbanned_fence)) here = nullptr;
        if (here) std::cerr << what << ": this configuration was rolled back: " << here->reason << "\n";
        else if (there.denied)
            std::cerr << what << ": " << there.denied->author
                      << " rolled this configuration back: " << there.denied->reason << "\n";
        return here || there.denied;
    }

    // Returns the pushed version if a machine has run it successfully. Otherwise, or if it is bad or unavailable,
    // returns the last good configuration; newer versions then come as regular changes. Returns nothing if neither
    // exists.
    std::optional<conf::Loaded> from_fleet() const {
        const bool ever_pushed = pushed_ || PushedVersion(state_dir_, file_.config.reload.lock.fleet).read().number > 0;
        if (!ever_pushed) return std::nullopt;
        if (pushed_) {
            const auto files = conf::last_good_from(pushed_->item.text);
            if (files && !is_bad("the fleet's", files->hash, pushed_->verdict) && pushed_->item.passed_canary)
                if (auto loaded = read(*files)) return loaded;
        }
        const auto kept = conf::LastGoodStore(state_dir_, start_.config).read();
        auto loaded = kept ? read(*kept) : std::nullopt;
        if (!loaded || !is_of_this_fleet(*loaded)) return std::nullopt;
        std::cerr << "weir: WARNING: starting with the last good configuration of this machine (hash "
                  << kept->hash.substr(0, 12) << ")\n";
        return loaded;
    }

    // It may date from a time before the file named this fleet.
    bool is_of_this_fleet(const conf::Loaded& loaded) const {
        const auto &ours = file_.config.reload, &theirs = loaded.config.reload;
        return theirs.source == ours.source && theirs.lock.type == ours.lock.type &&
               theirs.lock.fleet == ours.lock.fleet;
    }

    static std::optional<conf::Loaded> read(const conf::LastGood& bundle) {
        auto loaded = conf::load_sources(bundle.files);
        if (loaded.ok()) return loaded;
        print_errors_and_count(loaded);
        return std::nullopt;
    }

    const Start& start_;
    conf::Loaded file_;
    std::string state_dir_;
    conf::Denylist known_;
    lock::FleetVerdict verdict_; // the fleet's, on the file
    std::optional<StartupAnswer::Pushed> pushed_;
};

} // namespace

ExitCode run(const Start& start) {
    auto loaded = Choice(start).make();
    if (!loaded) return ExitCode::refused;
    if (!has_state_dir(loaded->config.process.state_dir)) return ExitCode::refused;
    block_signals(); // threads leave signals to the main thread
    Process process(start.config, std::move(*loaded));
    return process.run();
}

namespace {

// Returns the problems of the files that a configuration names: tokens, certificates, keys, pages and
// users.
std::vector<conf::Problem> find_file_problems(const conf::Config& config) {
    auto problems = conf::check_token_files(config);
    conf::read_page_files(config, problems);
    conf::read_users_files(config, problems);
    conf::make_tls_contexts(config, std::make_shared<tls::TicketKeys>(), std::chrono::system_clock::now(), {},
                            problems);
    return problems;
}

} // namespace

ExitCode check(const std::string& config) {
    auto loaded = conf::load(config);
    if (loaded.ok())
        for (const auto& problem : find_file_problems(loaded.config)) loaded.errors.push_back(loaded.place(problem));
    if (!loaded.ok()) {
        print_errors_and_count(loaded);
        return ExitCode::refused;
    }
    std::size_t backends = 0;
    for (const auto& pool : loaded.config.pools) backends += pool.backends.size();
    std::cout << config << ": ok (" << loaded.config.listeners.size() << " listeners, " << loaded.config.routes.size()
              << " routes, " << loaded.config.pools.size() << " pools, " << backends << " backends; hash "
              << loaded.hash.substr(0, 12) << ")\n";
    return ExitCode::done;
}

ExitCode schema() {
    print_indented(std::cout, boost::json::parse(conf::schema()));
    std::cout << "\n";
    return ExitCode::done;
}

} // namespace weir::proxy::cli
