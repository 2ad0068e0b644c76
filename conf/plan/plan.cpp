#include "conf/plan/plan.h"

#include "conf/model/redact.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <unordered_map>

namespace weir::conf {
namespace {

bool is_fixed(const std::string& kind) { return kind == "process" || kind == "admin"; }

std::string effect_of_adding(const std::string& kind) {
    if (kind == "listener") return "starts to accept connections";
    if (kind == "backend")
        return "gets traffic after its first passed probe, or at once if its pool has no health check";
    if (kind == "check") return "starts probing the pool's backends; they keep their state until the first results";
    return {};
}

std::string effect_of_removing(const std::string& kind) {
    if (kind == "listener") return "stops accepting connections; open connections finish";
    if (kind == "backend") return "gets no new requests; requests in flight finish";
    if (kind == "check") return "the pool's backends count as healthy";
    return {};
}

bool changed(const Change& change, std::string_view key) {
    return std::any_of(change.fields.begin(), change.fields.end(), [&](const auto& f) { return f.key == key; });
}

// Explains why a setting needs a restart, and what to consider before it.
std::string effect_of_restart(const Change& change) {
    std::string out;
    const auto say = [&](std::initializer_list<std::string_view> keys, const char* effect) {
        if (std::any_of(keys.begin(), keys.end(), [&](auto key) { return changed(change, key); }))
            out += (out.empty() ? "" : "; ") + std::string(effect);
    };
    if (change.kind == "process") {
        say({"workers"}, "worker threads are started once, with the process");
        say({"max_connections"}, "the limit is divided among the workers when they start");
        say({"drain_timeout"}, "a graceful stop uses the value that weir was started with");
        say({"state_dir"}, "files in the old directory are not moved: the fence, the denylist and the last good "
                           "configuration; copy them before the restart, or weir starts without them");
    } else {
        say({"address"}, "the admin address is bound once, at startup; commands find the process at the new address "
                         "after the restart");
        say({"token_file", "read_token_file", "hosts"},
            "tokens and host names of the admin API are read once, at startup");
        say({"tls.cert", "tls.key"},
            "weir decides at startup whether the admin API is served over TLS; a new certificate "
            "in the same files takes effect without a restart");
    }
    return out;
}

std::string effect_of_state(const Change& change) {
    for (const auto& field : change.fields) {
        if (field.key != "state") continue;
        if (field.after == "drain")
            return "gets no new clients; clients with a sticky cookie for it stay, and requests in flight finish; ";
        if (field.after == "maint")
            return "gets no new requests; connections that are still open after process.drain_timeout are closed; ";
        return "gets traffic again; ";
    }
    return {};
}

std::string effect_of_changing(const Change& change) {
    if (is_fixed(change.kind)) return effect_of_restart(change);
    if (change.kind == "listener" && changed(change, "address"))
        return "the new address is bound before the old one is closed";
    if (change.kind == "backend" && changed(change, "address"))
        return "a new server: its health is unknown at first; requests in flight finish on the old server";
    if (change.kind == "backend") return effect_of_state(change) + "health, counters and position are kept";
    if (change.kind == "reload" && std::any_of(change.fields.begin(), change.fields.end(),
                                               [](const auto& f) { return f.key.starts_with("lock."); }))
        return "this change still runs under the old lock; the new lock applies from the next change on";
    if (change.kind == "check") return "each backend keeps its state until new probes change it";
    return {};
}

std::vector<FieldChange> compare(const Item& before, const Item& after) {
    std::vector<FieldChange> changes;
    std::map<std::string, std::string> old(before.fields.begin(), before.fields.end());
    for (const auto& [key, value] : after.fields) {
        const auto it = old.find(key);
        const auto was = it == old.end() ? std::nullopt : std::optional(it->second);
        if (!was || !is_same_value(*was, value)) changes.push_back({key, was, value});
        if (it != old.end()) old.erase(it);
    }
    for (const auto& [key, value] : old) changes.push_back({key, value, std::nullopt});
    return changes;
}

using Index = std::unordered_map<std::string, const Item*>;

std::string key_of(const Item& item) { return item.kind + '\0' + item.name; }

Index index(const Description& description) {
    Index out;
    for (const auto& item : description) out.emplace(key_of(item), &item);
    return out;
}

std::vector<std::string> route_names(const Description& description) {
    std::vector<std::string> names;
    for (const auto& item : description)
        if (item.kind == "route") names.push_back(item.name);
    return names;
}

// Returns the order of the routes after removals and additions alone, without moves.
std::vector<std::string> without_moves(const Description& runtime, const Description& wanted) {
    auto names = route_names(runtime);
    const auto now = route_names(wanted);
    std::erase_if(names, [&](const auto& name) { return std::find(now.begin(), now.end(), name) == now.end(); });
    for (const auto& name : now)
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    return names;
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

Change make_change(ChangeType type, const Item& item, std::string effect) {
    Change change{type, item.kind,         item.name,
                  {},   std::move(effect), is_fixed(item.kind) ? Applies::needs_restart : Applies::live};
    for (const auto& [key, value] : item.fields) {
        if (type == ChangeType::added) change.fields.push_back({key, std::nullopt, value});
        if (type == ChangeType::removed) change.fields.push_back({key, value, std::nullopt});
    }
    return change;
}

} // namespace

std::string Change::text() const {
    std::string out = type == ChangeType::added ? "+ " : type == ChangeType::removed ? "- " : "~ ";
    out += kind + (name.empty() ? "" : " " + name);
    for (std::size_t i = 0; i < fields.size() && type == ChangeType::changed; ++i) {
        const auto shown = [](const auto& value) {
            return value.value_or("").empty() ? std::string("(none)") : *value;
        };
        out += (i == 0 ? ": " : ", ") + fields[i].key + " " + shown(fields[i].before) + " → " + shown(fields[i].after);
    }
    if (applies == Applies::needs_restart) return out + " (needs a restart)";
    return effect.empty() ? out : out + " (" + effect + ")";
}

bool Plan::needs_restart() const {
    return std::any_of(changes.begin(), changes.end(),
                       [](const Change& c) { return c.applies == Applies::needs_restart; });
}

Plan plan(const Description& runtime, const Description& wanted) {
    const auto old = index(runtime), now = index(wanted);
    Plan out;
    for (const auto& item : wanted) {
        const auto it = old.find(key_of(item));
        if (it == old.end()) {
            out.changes.push_back(make_change(ChangeType::added, item, effect_of_adding(item.kind)));
        } else if (auto fields = compare(*it->second, item); !fields.empty()) {
            auto change = make_change(ChangeType::changed, item, "");
            change.fields = std::move(fields);
            change.effect = effect_of_changing(change);
            out.changes.push_back(std::move(change));
        }
    }
    for (const auto& item : runtime)
        if (!now.contains(key_of(item)))
            out.changes.push_back(make_change(ChangeType::removed, item, effect_of_removing(item.kind)));
    const auto before = without_moves(runtime, wanted), after = route_names(wanted);
    if (before != after)
        out.changes.push_back(
            {ChangeType::changed, "routes", "", {{"order", joined(before), joined(after)}}, "first match wins"});
    return out;
}

namespace {

void change_item(Item& item, const Change& change) {
    for (const auto& field : change.fields) {
        const auto it =
            std::find_if(item.fields.begin(), item.fields.end(), [&](const auto& f) { return f.first == field.key; });
        if (!field.after) item.fields.erase(it);
        else if (it == item.fields.end()) item.fields.emplace_back(field.key, *field.after);
        else it->second = *field.after;
    }
}

void reorder_routes(Description& items, const std::string& order) {
    const auto place = [&](const Item& item) { // names cannot contain ", "
        return item.kind == "route" ? (", " + order + ", ").find(", " + item.name + ", ") : 0;
    };
    std::stable_sort(items.begin(), items.end(), [&](const Item& a, const Item& b) { return place(a) < place(b); });
}

} // namespace

Description apply(const Plan& plan, Description runtime) {
    for (const auto& change : plan.changes) {
        const auto is_it = [&](const Item& item) { return item.kind == change.kind && item.name == change.name; };
        if (change.kind == "routes") reorder_routes(runtime, *change.fields.at(0).after);
        else if (change.type == ChangeType::removed) std::erase_if(runtime, is_it);
        else if (change.type == ChangeType::changed)
            change_item(*std::find_if(runtime.begin(), runtime.end(), is_it), change);
        else change_item(runtime.emplace_back(Item{change.kind, change.name, {}}), change);
    }
    return runtime;
}

} // namespace weir::conf
