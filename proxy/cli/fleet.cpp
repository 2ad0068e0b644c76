#include "proxy/cli/commands.h"
#include "proxy/cli/json_text.h"
#include "proxy/cli/target.h"
#include "proxy/cli/watch.h"

#include <iomanip>
#include <iostream>
#include <sstream>

#include <unistd.h>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

std::string fleet_text(const json::object& fleet) {
    std::ostringstream out;
    const auto& lock = fleet.at("lock").as_object();
    if (lock.at("held").as_bool())
        out << "lock held by " << text_of(lock.at("holder")) << " for "
            << lock.at("held_for_ms").to_number<std::int64_t>() / 1000 << " s, lease left "
            << lock.at("lease_left_ms").to_number<std::int64_t>() << " ms";
    else out << "lock free";
    out << ", fence " << lock.at("fence") << "\n";
    for (const auto& holder : lock.at("parallel_holders").as_array()) out << "also held by " << text_of(holder) << "\n";
    out << std::left << std::setw(24) << "MEMBER" << std::setw(12) << "VERSION" << std::setw(14) << "CONFIG"
        << std::setw(8) << "FENCE" << std::setw(10) << "STATE"
        << "HEALTHY\n";
    for (const auto& entry : fleet.at("members").as_array()) {
        const auto& member = entry.as_object();
        out << std::left << std::setw(24) << text_of(member.at("name")) << std::setw(12)
            << text_of(member.at("version")) << std::setw(14) << brief_hash(member.at("hash")) << std::setw(8)
            << json::serialize(member.at("fence")) << std::setw(10) << text_of(member.at("state"))
            << member.at("healthy_percent") << "%";
        if (!text_of(member.at("refused")).empty())
            out << "  refused " << brief_hash(member.at("refused")) << ": " << text_of(member.at("reason"));
        out << "\n";
    }
    if (const auto warning = text_of(fleet.at("drift_warning")); !warning.empty())
        out << "warning: " << warning << "\n";
    else if (fleet.at("drift").as_bool()) out << "the members do not all run the same configuration\n";
    for (const auto& entry : fleet.at("denylist").as_array()) {
        const auto& denied = entry.as_object();
        out << "denied " << brief_hash(denied.at("hash")) << " since " << text_of(denied.at("since"))
            << ", rolled back by " << text_of(denied.at("author")) << ": " << text_of(denied.at("reason")) << "\n";
    }
    for (const auto& entry : fleet.at("changes").as_array()) {
        const auto& change = entry.as_object();
        out << text_of(change.at("at")) << "  fence " << std::left << std::setw(6)
            << json::serialize(change.at("fence")) << std::setw(7) << text_of(change.at("verdict"))
            << brief_hash(change.at("hash")) << "  " << text_of(change.at("member"));
        if (const auto reason = text_of(change.at("reason")); !reason.empty()) out << ": " << reason;
        out << "\n";
    }
    for (const auto& entry : fleet.at("versions").as_array()) {
        const auto& version = entry.as_object();
        out << text_of(version.at("at")) << "  version " << std::left << std::setw(6)
            << json::serialize(version.at("version")) << brief_hash(version.at("hash")) << "  pushed through "
            << text_of(version.at("author")) << "\n";
    }
    return out.str();
}

// Percent-encodes the value of a query parameter.
std::string encode(const std::string& value) {
    std::string out;
    for (const char byte : value) {
        const auto c = static_cast<unsigned char>(byte);
        if (std::isalnum(c)) out += byte;
        else out += std::string("%") + "0123456789ABCDEF"[c >> 4] + "0123456789ABCDEF"[c & 15];
    }
    return out;
}

} // namespace

ExitCode fleet_status(const Target& target, Output output, std::optional<std::chrono::milliseconds> interval) {
    constexpr const char* path = "/api/v1/fleet";
    if (interval) return watch(target, path, output, *interval, fleet_text);
    const auto answer = call(target, AdminMethod::get, path);
    if (!answer) return ExitCode::refused;
    std::cout << (output == Output::json ? json::serialize(*answer) + "\n" : fleet_text(answer->as_object()));
    return ExitCode::done;
}

ExitCode fleet_break_lock(const Target& target, const std::string& reason, Asked asked) {
    if (asked == Asked::no) {
        if (!::isatty(STDIN_FILENO)) {
            std::cerr << "weir: the holder of the lock will roll its change back; confirm with --yes\n";
            return ExitCode::refused;
        }
        std::cerr << "The holder of the lock will roll its change back. Type yes to break the lock: " << std::flush;
        std::string line;
        if (!std::getline(std::cin, line) || line != "yes") return ExitCode::refused;
    }
    const auto answer = call(target, AdminMethod::post, "/api/v1/fleet/break-lock?reason=" + encode(reason));
    if (!answer) return ExitCode::refused;
    const bool was_held = answer->at("done").as_bool();
    std::cout << (was_held ? "the lock is broken\n" : "the lock was free\n");
    return ExitCode::done;
}

ExitCode fleet_unban(const Target& target, const std::string& hash) {
    const auto answer = call(target, AdminMethod::post, "/api/v1/fleet/unban?hash=" + encode(hash));
    if (!answer) return ExitCode::refused;
    std::cout << brief_hash(answer->at("hash")) << " is unbanned\n";
    return ExitCode::done;
}

} // namespace weir::proxy::cli
