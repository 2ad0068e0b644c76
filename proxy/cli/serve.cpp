#include "conf/known_bad.h"
#include "conf/last_good.h"
#include "conf/load.h"
#include "conf/schema.h"
#include "proxy/cli/commands.h"
#include "proxy/process.h"

#include <boost/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <sys/stat.h>
#include <unistd.h>

namespace weir::proxy::cli {
namespace {

void print_errors(const conf::Loaded& loaded) {
    for (const auto& error : loaded.errors) std::cerr << error.text() << "\n";
    std::cerr << "weir: " << loaded.errors.size() << (loaded.errors.size() == 1 ? " error\n" : " errors\n");
}

// Whether weir can keep its state there; says what to do where it cannot.
bool has_state_dir(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (!error && ::access(path.c_str(), W_OK | X_OK) == 0) return true;
    std::cerr << "weir: process.state_dir: " << path << " cannot be written to"
              << (error ? " (" + error.message() + ")" : "")
              << "; create it for this user, or name another directory\n";
    return false;
}

// A schema for people to read as well.
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

// What is kept of the last configuration that worked, to be run in place of a bad file.
std::optional<conf::Loaded> load_last_good(const std::string& path, const std::string& state_dir,
                                           const conf::Loaded& bad) {
    std::string why;
    const auto kept = conf::LastGoodStore(state_dir, path).read(why);
    if (!kept) {
        std::cerr << "weir: there is no last good configuration to start from: " << why << "\n";
        return std::nullopt;
    }
    auto good = conf::load_sources(kept->files);
    if (!good.ok()) {
        std::cerr << "weir: the last good configuration has become bad as well:\n";
        print_errors(good);
        return std::nullopt;
    }
    std::cerr << "weir: WARNING: the file is bad; starting from the last good configuration (hash "
              << kept->hash.substr(0, 12) << ")\n";
    good.seen_hash = bad.hash; // only another file is worth a reload
    good.watched = bad.watched;
    return good;
}

// Whether another machine has taken this configuration back. Who cannot be asked has nothing against it.
bool is_bad_in_fleet(const std::string& path, const conf::Loaded& loaded) {
    std::string problem;
    const auto bad = ask_fleet(loaded.config.reload.lock, loaded.hash, problem);
    if (!problem.empty())
        std::cerr << "weir: WARNING: the fleet cannot be asked about this configuration: " << problem << "\n";
    if (bad) std::cerr << path << ": " << bad->author << " has taken this configuration back: " << bad->why << "\n";
    return bad.has_value();
}

} // namespace

int run(const Start& start) {
    auto loaded = conf::load(start.config);
    const bool can_tell = loaded.ok() || start.state_dir.empty();
    const auto state_dir = can_tell ? loaded.config.process.state_dir : start.state_dir;
    const auto known = conf::KnownBad::read(state_dir);
    // Who insisted once, at a start, did not insist on what an upgrade finds.
    const bool insists = start.force && !std::getenv(handover_variable);
    const auto* bad = insists ? nullptr : known.find(loaded.hash);
    if (bad) std::cerr << start.config << ": this configuration was rolled back: " << bad->why << "\n";
    const bool refused_by_fleet = loaded.ok() && !bad && !insists && is_bad_in_fleet(start.config, loaded);
    if (!loaded.ok()) print_errors(loaded);
    if (!loaded.ok() || bad || refused_by_fleet) {
        if (!start.last_good && loaded.ok())
            std::cerr << "weir: change it, start with the last good one (--last-good), or insist (--force)\n";
        if (!start.last_good) return static_cast<int>(ExitCode::refused);
        auto good = load_last_good(start.config, state_dir, loaded);
        if (!good) return static_cast<int>(ExitCode::refused);
        loaded = std::move(*good);
    }
    if (!has_state_dir(loaded.config.process.state_dir)) return static_cast<int>(ExitCode::refused);
    Process process(start.config, std::move(loaded));
    return static_cast<int>(process.run());
}

int check(const std::string& config) {
    const auto loaded = conf::load(config);
    if (!loaded.ok()) {
        print_errors(loaded);
        return static_cast<int>(ExitCode::refused);
    }
    std::size_t backends = 0;
    for (const auto& pool : loaded.config.pools) backends += pool.backends.size();
    std::cout << config << ": ok (" << loaded.config.listeners.size() << " listeners, " << loaded.config.routes.size()
              << " routes, " << loaded.config.pools.size() << " pools, " << backends << " backends; hash "
              << loaded.hash.substr(0, 12) << ")\n";
    return static_cast<int>(ExitCode::done);
}

int schema() {
    print_indented(std::cout, boost::json::parse(conf::schema()));
    std::cout << "\n";
    return static_cast<int>(ExitCode::done);
}

} // namespace weir::proxy::cli
