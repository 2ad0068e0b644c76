#include "conf/store/denylist.h"

#include "base/durable_file.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace weir::conf {
namespace {

std::string path_in(const std::string& state_dir) { return state_dir + "/known-bad"; }

bool is_hash(std::string_view text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(),
                                            [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

struct FenceAndReason {
    std::uint64_t fence = 0;
    std::string reason;
};

// Splits "fence:N reason". Entries that earlier versions wrote have no fence; it is 0 for them.
FenceAndReason split_fence(std::string_view text) {
    constexpr std::string_view mark = "fence:";
    if (!text.starts_with(mark)) return {0, std::string(text)};
    const auto* const last = text.data() + text.size();
    std::uint64_t fence = 0;
    const auto [end, error] = std::from_chars(text.data() + mark.size(), last, fence);
    if (error != std::errc{} || end == last || *end != ' ') return {0, std::string(text)};
    return {fence, std::string(end + 1, last)};
}

} // namespace

Result<Denylist> Denylist::read(const std::string& state_dir) {
    const auto text = read_whole_file(path_in(state_dir));
    if (text) return parse(*text);
    if (text.error().code() == boost::system::errc::no_such_file_or_directory) return Denylist();
    return text.error();
}

Denylist Denylist::parse(std::string_view text) {
    Denylist known;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const auto first = line.find(' '), second = first == line.npos ? line.npos : line.find(' ', first + 1);
        DeniedConfig bad{std::string(line.substr(0, first)), 0, 0, ""};
        if (second == line.npos || !is_hash(bad.hash)) continue;
        const auto [end, error] = std::from_chars(line.data() + first + 1, line.data() + second, bad.since);
        if (error != std::errc{} || end != line.data() + second) continue;
        auto [fence, reason] = split_fence(line.substr(second + 1));
        bad.fence = fence;
        bad.reason = std::move(reason);
        known.add(std::move(bad));
    }
    return known;
}

std::string Denylist::text() const {
    std::string out;
    for (const auto& bad : all_)
        out += bad.hash + " " + std::to_string(bad.since) + " fence:" + std::to_string(bad.fence) + " " + bad.reason +
               "\n";
    return out;
}

Result<void> Denylist::save(const std::string& state_dir) const { return replace_file(path_in(state_dir), text()); }

const DeniedConfig* Denylist::find(std::string_view hash) const {
    const auto it = std::find_if(all_.begin(), all_.end(), [&](const auto& b) { return b.hash == hash; });
    return it == all_.end() ? nullptr : &*it;
}

void Denylist::add(DeniedConfig bad) {
    forget(bad.hash);
    std::replace(bad.reason.begin(), bad.reason.end(), '\n', ' ');
    all_.push_back(std::move(bad));
    if (all_.size() > max_entries) all_.erase(all_.begin());
}

bool Denylist::forget(std::string_view hash) {
    return std::erase_if(all_, [&](const auto& b) { return b.hash == hash; }) > 0;
}

} // namespace weir::conf
