#include "proxy/beat_desk.h"

#include <boost/json.hpp>

#include <fstream>
#include <optional>

namespace weir::proxy {

namespace json = boost::json;

namespace {

struct SignedBeat {
    health::Beat beat;
    std::string signature;
};

// Unset, with the reason in `why`, where it is none.
std::optional<SignedBeat> read_beat(std::string_view body, std::string& why) {
    boost::system::error_code error;
    const auto value = json::parse(body, error);
    if (error || !value.is_object()) {
        why = "not a JSON object";
        return std::nullopt;
    }
    const auto& fields = value.as_object();
    SignedBeat out;
    const auto text = [&](const char* key, std::string& into) {
        const auto* found = fields.if_contains(key);
        if (found && found->is_string() && found->as_string().size() <= 256) into = found->as_string();
        else why = std::string("\"") + key + "\" must be a text";
    };
    const auto whole = [&](const char* key, auto& into, std::int64_t least, std::int64_t most) {
        const auto* found = fields.if_contains(key);
        const auto number = found && found->is_int64() ? std::optional(found->as_int64()) : std::nullopt;
        if (number && *number >= least && *number <= most) into = static_cast<std::decay_t<decltype(into)>>(*number);
        else why = std::string("\"") + key + "\" must be a whole number from " + std::to_string(least);
    };
    text("pool", out.beat.pool);
    text("backend", out.beat.backend);
    text("signature", out.signature);
    whole("sequence", out.beat.sequence, 0, std::numeric_limits<std::int64_t>::max());
    whole("time", out.beat.time_ms, 0, std::numeric_limits<std::int64_t>::max());
    if (fields.contains("weight")) whole("weight", out.beat.weight, 0, 256);
    if (const auto* drain = fields.if_contains("drain")) {
        if (drain->is_bool()) out.beat.drain = drain->as_bool();
        else why = "\"drain\" must be true or false";
    }
    if (!why.empty()) return std::nullopt;
    return out;
}

std::int64_t wall_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

} // namespace

BeatTokens read_beat_tokens(const conf::Config& config, std::vector<conf::Problem>& errors) {
    BeatTokens tokens;
    for (const auto& pool : config.pools) {
        if (!pool.health_check || pool.health_check->mode != conf::CheckMode::push) continue;
        std::ifstream in(pool.health_check->token_file);
        std::string line;
        if (std::getline(in, line) && line.size() >= 16) tokens[pool.name] = line;
        else
            errors.push_back(
                {"pools." + pool.name + ".health_check.token_file",
                 pool.health_check->token_file + " has no token of at least 16 characters in its first line"});
    }
    return tokens;
}

void BeatDesk::update(const Snapshot& snapshot, BeatTokens tokens) {
    tokens_ = std::move(tokens);
    std::unordered_map<std::string, Sender> now;
    for (const auto& pool : snapshot.pools) {
        if (!tokens_.contains(pool->config.name)) continue;
        for (const auto& member : pool->members) {
            const auto key = pool->config.name + "/" + member.backend->name();
            const auto known = senders_.find(key);
            const bool same = known != senders_.end() && known->second.backend == member.backend;
            now[key] = same ? std::move(known->second) : Sender{member.backend, {}};
        }
    }
    senders_ = std::move(now);
}

BeatAnswer BeatDesk::take(std::string_view body) {
    std::string why;
    const auto read = read_beat(body, why);
    if (!read) return {400, why};
    const auto& beat = read->beat;
    const auto token = tokens_.find(beat.pool);
    // One answer for whatever may not be told to strangers.
    const BeatAnswer stranger{403, "there is no such pool that takes beats, or the signature is not right"};
    if (token == tokens_.end() || !is_signed(beat, token->second, read->signature)) return stranger;
    const auto it = senders_.find(beat.pool + "/" + beat.backend);
    if (it == senders_.end()) return {404, "there is no backend " + beat.pool + "/" + beat.backend};
    auto& sender = it->second;
    const auto now = std::chrono::steady_clock::now();
    const auto answer = sender.ledger.take(beat, now, wall_ms());
    if (answer != health::BeatLedger::Answer::accepted) {
        const bool replayed = answer == health::BeatLedger::Answer::replayed;
        return {409,
                replayed ? "this beat, or a later one, has come before" : "its time is too far from what it should be",
                sender.ledger.last_sequence(), sender.ledger.expected_ms(now, wall_ms())};
    }
    monitor_.beat(*sender.backend);
    if (sender.weight != beat.weight || sender.drain != beat.drain) {
        sender.weight = beat.weight;
        sender.drain = beat.drain;
        on_wish_(sender.backend, beat);
    }
    return {};
}

} // namespace weir::proxy
