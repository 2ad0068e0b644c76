#include "proxy/runtime/heartbeat_receiver.h"

#include "conf/read/token_file.h"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace weir::proxy {

namespace json = boost::json;

namespace {

struct SignedBeat {
    health::Beat beat;
    std::string signature;
};

// Parses a heartbeat.
Result<SignedBeat> read_beat(std::string_view body) {
    std::array<unsigned char, 2048> room; // large enough for a heartbeat, so that parsing does not allocate
    json::monotonic_resource memory(room.data(), room.size());
    boost::system::error_code error;
    const auto value = json::parse(body, error, &memory);
    if (error || !value.is_object()) return Error("not a JSON object");
    const auto& fields = value.as_object();
    SignedBeat out;
    std::optional<Error> problem; // the last one
    const auto text = [&](const char* key, std::string& into) {
        const auto* found = fields.if_contains(key);
        if (found && found->is_string() && found->as_string().size() <= 256) into = found->as_string();
        else problem = Error(std::string("\"") + key + "\" must be a string");
    };
    const auto whole = [&](const char* key, auto& into, std::int64_t least, std::int64_t most) {
        const auto* found = fields.if_contains(key);
        const auto number = found && found->is_int64() ? std::optional(found->as_int64()) : std::nullopt;
        if (number && *number >= least && *number <= most) into = static_cast<std::decay_t<decltype(into)>>(*number);
        else problem = Error(std::string("\"") + key + "\" must be a whole number from " + std::to_string(least));
    };
    text("pool", out.beat.pool);
    text("backend", out.beat.backend);
    text("signature", out.signature);
    whole("sequence", out.beat.sequence, 0, std::numeric_limits<std::int64_t>::max());
    whole("time", out.beat.time_ms, 0, std::numeric_limits<std::int64_t>::max());
    if (fields.contains("weight")) whole("weight", out.beat.weight, 0, 256);
    if (const auto* drain = fields.if_contains("drain")) {
        if (drain->is_bool()) out.beat.drain = drain->as_bool();
        else problem = Error("\"drain\" must be true or false");
    }
    if (problem) return *std::move(problem);
    return out;
}

} // namespace

HeartbeatTokens read_heartbeat_tokens(const conf::Config& config, std::vector<conf::Problem>& errors) {
    HeartbeatTokens tokens;
    for (const auto& pool : config.pools) {
        if (!pool.health_check || pool.health_check->mode != conf::CheckMode::push) continue;
        auto token = conf::read_token(pool.health_check->token_file);
        if (token) tokens[pool.name] = *std::move(token);
        else errors.push_back({"pools." + pool.name + ".health_check.token_file", token.error().message()});
    }
    return tokens;
}

void HeartbeatReceiver::register_client(Senders& senders, const Snapshot& snapshot, const Keys& keys,
                                        balancer::BackendPtr Sender::*as) {
    const auto now = clock_.now();
    for (const auto& pool : snapshot.pools) {
        const auto key = keys.find(pool->config.name);
        if (key == keys.end()) continue;
        for (const auto& member : pool->members) {
            auto name = key->first + "/" + member.backend->name();
            auto& ledger = ledgers_.try_emplace(name, now).first->second;
            auto& sender = senders.try_emplace(std::move(name), Sender{{}, {}, key->second, &ledger}).first->second;
            if (sender.backend != member.backend) sender.*as = member.backend;
        }
    }
}

void HeartbeatReceiver::update(const Snapshot& now, const SnapshotPtr& standby, HeartbeatTokens tokens) {
    const auto before = std::exchange(keys_, {});
    for (auto& [pool, token] : tokens) keys_[pool] = std::make_shared<const health::BeatKey>(std::move(token));
    Senders senders;
    register_client(senders, now, keys_, &Sender::backend);
    if (standby) register_client(senders, *standby, before, &Sender::standby);
    held_ = false;
    if (standby)
        for (const auto& [pool, key] : before) keys_.try_emplace(pool, key);
    senders_ = std::move(senders);
    const auto steady = clock_.now();
    std::erase_if(ledgers_,
                  [&](const auto& entry) { return !senders_.contains(entry.first) && entry.second.is_spent(steady); });
}

void HeartbeatReceiver::forget_standby(const Snapshot& now) {
    std::erase_if(keys_, [&](const auto& entry) {
        return std::none_of(now.pools.begin(), now.pools.end(), [&](const auto& pool) {
            const auto& check = pool->config.health_check;
            return pool->config.name == entry.first && check && check->mode == conf::CheckMode::push;
        });
    });
    Senders senders;
    register_client(senders, now, keys_, &Sender::backend);
    senders_ = std::move(senders);
}

HeartbeatAnswer HeartbeatReceiver::take(std::string_view body) {
    const auto read = read_beat(body);
    if (!read) return {400, read.error().message()};
    const auto& beat = read->beat;
    const auto name = beat.pool + "/" + beat.backend;
    const auto sender = senders_.find(name);
    const auto pool_key = keys_.find(beat.pool);
    const auto* key = sender != senders_.end()  ? sender->second.key.get()
                      : pool_key != keys_.end() ? pool_key->second.get()
                                                : nullptr;
    // Unknown pools and wrong signatures get the same response, so that strangers cannot probe for pools.
    if (!key || !key->has_signed(beat, read->signature))
        return {403, "no such pool accepts heartbeats, or the signature is wrong"};
    if (sender == senders_.end()) return {404, "there is no backend " + name};
    const auto now = clock_.now();
    const auto wall = health::wall_ms(clock_);
    auto& ledger = *sender->second.ledger;
    const auto answer = ledger.take(beat, now, wall);
    if (answer != health::ReplayGuard::Answer::accepted) {
        const bool replayed = answer == health::ReplayGuard::Answer::replayed;
        return {409,
                replayed ? "this heartbeat or a later one was received before"
                         : "its time differs too much from the time here",
                ledger.last_sequence(), ledger.expected_ms(now, wall)};
    }
    const auto& backend = sender->second.backend;
    if (backend) checker_.beat(*backend);
    if (sender->second.standby) checker_.beat(*sender->second.standby); // a rollback may restore the moved backend
    if (!backend || held_) return {};
    Override agent_override;
    if (beat.drain) agent_override.state = conf::AdminState::drain;
    if (beat.weight) agent_override.weight = beat.weight;
    if (std::exchange(sender->second.agent_override, agent_override) != agent_override)
        listener_.on_agent_override(backend, agent_override);
    return {};
}

} // namespace weir::proxy
