#include "proxy/cli/rollout.h"

#include "proxy/cli/json_text.h"

#include <cstdint>
#include <map>
#include <utility>

namespace weir::proxy::cli {

namespace json = boost::json;

// Returns the duration of the member's last change to this configuration.
std::int64_t Rollout::time_of(const std::string& member, const json::object& fleet) const {
    for (const auto& change : fleet.at("changes").as_array()) {
        const auto verdict = text_of(change.at("verdict"));
        const bool ended = verdict == "good" || verdict == "bad";
        if (ended && text_of(change.at("member")) == member && text_of(change.at("hash")) == hash_)
            return change.at("took_ms").to_number<std::int64_t>();
    }
    return 0;
}

// Records a member that has finished the change: it refused it, or runs it and its canary window is over.
void Rollout::note(const json::object& member, const json::object& fleet, std::vector<Step>& steps) {
    const auto name = text_of(member.at("name")), state = text_of(member.at("state"));
    const bool has_it = text_of(member.at("hash")) == hash_;
    const bool refuses = !has_it && text_of(member.at("refused")) == hash_;
    if (state == "watching") waits_for_ = name + " is watching";
    if (member.at("pushed_version").to_number<std::uint64_t>() < version_) return; // its state predates the push
    if ((has_it && state == "watching") || (!has_it && !refuses) || !done_.insert(name).second) return;
    Step step{done_.size(), of_, name, has_it ? "good" : "refused", hash_, "", 0};
    if (has_it) step.took_ms = time_of(name, fleet);
    else step.reason = text_of(member.at("reason")), ++failures_;
    steps.push_back(std::move(step));
}

// Returns the members that the change is for, in the order in which they changed.
std::vector<json::object> Rollout::members_of(const json::object& fleet) const {
    std::multimap<std::uint64_t, json::object> by_fence;
    for (const auto& member : fleet.at("members").as_array())
        if (version_ == 0 || member.at("takes_pushed").as_bool())
            by_fence.emplace(member.at("fence").to_number<std::uint64_t>(), member.as_object());
    std::vector<json::object> members;
    for (auto& [_, member] : by_fence) members.push_back(std::move(member));
    return members;
}

void Rollout::end(std::string reason) {
    is_over_ = true;
    ++failures_;
    reason_ = std::move(reason);
}

// Names the members that have left without taking the change, because they may return with their old configuration.
void Rollout::count_departed() {
    std::string missing;
    for (const auto& name : seen_)
        if (!done_.contains(name)) missing += (missing.empty() ? "" : ", ") + name, ++failures_;
    if (failures_ > 0) reason_ = "it is not in force on every machine";
    if (!missing.empty()) reason_ += ": " + missing + " left the fleet before it had finished";
}

std::vector<Rollout::Step> Rollout::look(const json::object& fleet) {
    std::vector<Step> steps;
    if (is_over_) return steps;
    waits_for_.clear();
    const auto members = members_of(fleet);
    of_ = members.size();
    for (const auto& member : members) seen_.insert(text_of(member.at("name")));
    for (const auto& entry : fleet.at("denylist").as_array()) {
        const auto& denied = entry.as_object();
        if (text_of(denied.at("hash")) != hash_) continue;
        const auto author = text_of(denied.at("author"));
        for (const auto& member : members) // members that had it before it was found bad
            if (text_of(member.at("hash")) == hash_ && text_of(member.at("name")) != author) note(member, fleet, steps);
        done_.insert(author);
        steps.push_back(
            {done_.size(), of_, author, "bad", hash_, text_of(denied.at("reason")), time_of(author, fleet)});
        end("it was rolled back, and the other machines refuse it");
        return steps;
    }
    for (const auto& member : members) note(member, fleet, steps);
    is_over_ = !members.empty() && std::all_of(members.begin(), members.end(), [&](const json::object& member) {
        return done_.contains(text_of(member.at("name"))) || text_of(member.at("state")) == "stopping";
    });
    if (is_over_) count_departed();
    const auto& versions = fleet.at("versions").as_array();
    const auto newest = versions.empty() ? 0 : versions[0].at("version").to_number<std::uint64_t>();
    if (!is_over_ && version_ > 0 && newest > version_)
        end("version " + std::to_string(newest) + " was pushed after it");
    return steps;
}

std::string to_text(const Rollout::Step& step) {
    auto line = "[" + std::to_string(step.number) + "/" + std::to_string(step.of) + "] " + step.member + " " +
                step.verdict + " " + step.hash.substr(0, 12);
    const auto tenths = (step.took_ms + 50) / 100;
    if (step.verdict != "refused")
        line += " in " + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "s";
    return step.reason.empty() ? line : line + ": " + step.reason;
}

std::string to_json_line(const Rollout::Step& step) {
    return json::serialize(json::object{{"number", step.number},
                                        {"of", step.of},
                                        {"member", step.member},
                                        {"verdict", step.verdict},
                                        {"hash", step.hash},
                                        {"took_ms", step.took_ms},
                                        {"reason", step.reason}});
}

} // namespace weir::proxy::cli
