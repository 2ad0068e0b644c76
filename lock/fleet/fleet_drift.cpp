#include "lock/fleet/fleet_drift.h"

#include <algorithm>
#include <map>
#include <utility>

namespace weir::lock {
namespace {

constexpr std::size_t max_names = 8; // names listed for each configuration
constexpr std::size_t max_texts = 4;
constexpr std::size_t brief = 12; // digits of a hash

std::string list_names(const std::vector<std::string>& names) {
    std::string out;
    for (std::size_t i = 0; i < std::min(names.size(), max_names); ++i) out += (i > 0 ? ", " : "") + names[i];
    if (names.size() > max_names) out += " and " + std::to_string(names.size() - max_names) + " more";
    return out;
}

} // namespace

std::optional<std::string> describe_drift(const FleetView& view) {
    if (!view.holder.empty() || !view.parallel.empty()) return std::nullopt;
    std::map<std::string, std::vector<std::string>> by_hash;
    for (const auto& member : view.members) {
        if (member.state == MemberState::watching) return std::nullopt;
        if (member.state == MemberState::serving) by_hash[member.hash].push_back(member.name);
    }
    if (by_hash.size() < 2) return std::nullopt;
    std::vector<std::pair<std::string, std::vector<std::string>>> texts(by_hash.begin(), by_hash.end());
    std::stable_sort(texts.begin(), texts.end(), [](const auto& a, const auto& b) {
        return std::pair(b.second.size(), a.second) < std::pair(a.second.size(), b.second);
    });
    std::string out = "the members run different configurations, and no change is in progress:";
    for (std::size_t i = 0; i < std::min(texts.size(), max_texts); ++i)
        out += (i > 0 ? "; " : " ") + list_names(texts[i].second) + " run" +
               (texts[i].second.size() == 1 ? "s " : " ") + texts[i].first.substr(0, brief);
    if (texts.size() > max_texts) out += "; and " + std::to_string(texts.size() - max_texts) + " more configurations";
    return out + ". A bad change that one machine rolls back would still run on machines with another text: give all "
                 "machines the same file, byte for byte, with ${NAME} for what differs between them";
}

std::optional<std::string> FleetDrift::look(const FleetView& view, Time now) {
    auto warning = describe_drift(view);
    if (!warning) {
        since_.reset();
        return std::nullopt;
    }
    if (!since_) since_ = now;
    if (now - *since_ < settling || std::exchange(warned_, true)) return std::nullopt;
    return warning;
}

bool FleetDrift::agree() {
    since_.reset();
    return std::exchange(warned_, false);
}

} // namespace weir::lock
