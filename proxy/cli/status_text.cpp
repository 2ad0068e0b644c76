#include "proxy/cli/status_text.h"

#include "proxy/cli/json_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

using Table = std::vector<std::vector<std::string>>;

constexpr std::size_t max_changes = 10; // changes of the last reload that are listed

// The fields of one JSON object; any of them may be missing.
class Fields {
public:
    explicit Fields(const json::value* value) : object_(value && value->is_object() ? &value->as_object() : nullptr) {}
    explicit Fields(const json::object& object) : object_(&object) {}

    // Returns null if the field is missing or null.
    const json::value* find(std::string_view key) const {
        const auto* value = object_ ? object_->if_contains(key) : nullptr;
        return value && !value->is_null() ? value : nullptr;
    }
    bool is_there() const { return object_ != nullptr; }
    Fields in(std::string_view key) const { return Fields(find(key)); }
    const json::array& list(std::string_view key) const {
        static const json::array none;
        const auto* value = find(key);
        return value && value->is_array() ? value->as_array() : none;
    }
    // Returns text unchanged and numbers in digits.
    std::string text(std::string_view key) const {
        const auto* value = find(key);
        if (!value) return {};
        return value->is_string() ? text_of(*value) : json::serialize(*value);
    }
    std::string hash(std::string_view key = "hash") const { return text(key).substr(0, 12); }
    std::int64_t number(std::string_view key) const {
        const auto* value = find(key);
        return value && value->is_number() ? value->to_number<std::int64_t>() : 0;
    }
    // Formats a number with at most two decimals: "3", "0.1".
    std::string decimal(std::string_view key) const {
        const auto* value = find(key);
        if (!value || !value->is_number()) return {};
        std::array<char, 32> out;
        const auto size = std::snprintf(out.data(), out.size(), "%.2f", value->to_number<double>());
        std::string text(out.data(), std::min(static_cast<std::size_t>(size), out.size() - 1));
        text.erase(text.find_last_not_of('0') + 1);
        if (text.ends_with('.')) text.pop_back();
        return text;
    }
    bool is_set(std::string_view key) const {
        const auto* value = find(key);
        return value && value->is_bool() && value->as_bool();
    }

private:
    const json::object* object_;
};

// Formats a duration as "1d 2h 3m 4s".
std::string format_seconds(std::int64_t seconds) {
    std::string out;
    for (const auto& [unit, length] : {std::pair('d', 86400), std::pair('h', 3600), std::pair('m', 60)}) {
        if (seconds < length && out.empty()) continue;
        out += std::to_string(seconds / length) + unit + " ";
        seconds %= length;
    }
    return out + std::to_string(seconds) + "s";
}

std::string seconds_left(const Fields& fields, std::string_view key) {
    return format_seconds((fields.number(key) + 999) / 1000);
}

// Formats a count as "1 change" or "2 changes".
std::string count(std::size_t number, const std::string& what) {
    return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string indented(const std::string& text, const std::string& indent = "  ") { return indent + text + "\n"; }

// Formats state and weight, if present: "drain, weight 3".
std::string settings(const Fields& fields) {
    auto out = fields.text("state");
    if (fields.find("weight")) out += (out.empty() ? "weight " : ", weight ") + fields.text("weight");
    return out;
}

std::string process_text(const Fields& status) {
    const auto config = status.in("config");
    auto out = "weir " + status.text("version") + ", pid " + status.text("pid") + ", up " +
               format_seconds(status.number("uptime_seconds"));
    if (status.find("workers")) out += ", " + count(static_cast<std::size_t>(status.number("workers")), "worker");
    out += "\nconfig " + config.text("file") + ", hash " + config.hash() + ", fence " + config.text("fence");
    if (config.find("generation")) out += ", generation " + config.text("generation");
    return out + ", loaded " + config.text("loaded_at") + "\n";
}

std::string last_reload_text(const Fields& last) {
    if (!last.is_there()) return {};
    auto out = "last reload: " + last.text("verdict");
    if (last.find("cause")) out += " (" + last.text("cause") + ")";
    out += " at " + last.text("at") + ", trigger " + last.text("trigger") + ", hash " + last.hash();
    if (last.number("fence") > 0) out += ", fence " + last.text("fence");
    out += ", " + last.text("took_ms") + " ms\n";
    for (const auto& error : last.list("errors")) out += indented(text_of(error));
    for (const auto& warning : last.list("warnings")) out += indented("warning: " + text_of(warning));
    const auto& changes = last.list("changes");
    for (std::size_t i = 0; i < std::min(changes.size(), max_changes); ++i)
        out += indented(Fields(&changes[i]).text("text"));
    if (changes.size() > max_changes) out += indented("and " + count(changes.size() - max_changes, "more change"));
    return out;
}

std::string pending_text(const Fields& pending) {
    if (!pending.is_there()) return {};
    std::string out = "pending: the configuration on disk";
    if (pending.find("hash")) out += " (hash " + pending.hash() + ")";
    out += ", not in force since " + pending.text("since") + ", trigger " + pending.text("trigger") + ", " +
           count(static_cast<std::size_t>(pending.number("attempts")), "attempt") + "\n" +
           indented(pending.text("reason"));
    if (pending.find("next_try"))
        return out +
               indented("next try at " + pending.text("next_try") + ", in " + seconds_left(pending, "next_try_in_ms"));
    return out + indented("there is no next try until the file changes or weir reload is run");
}

std::string window_text(const Fields& window) {
    if (!window.is_there()) return {};
    return "canary window: hash " + window.hash() + ", " + seconds_left(window, "left_ms") + " left, until " +
           window.text("ends_at") + " (weir reload --abort rolls it back)\n";
}

std::string watch_text(const Fields& watch) {
    if (!watch.is_there()) return {};
    auto out = "file watch: " + watch.text("mode");
    if (watch.is_set("waits_for_writer")) out += ", waits until the file is written";
    out += "\n";
    return watch.find("problem") ? out + indented(watch.text("problem")) : out;
}

std::string denylist_text(const Fields& reload) {
    const auto& denied = reload.list("denylist");
    if (denied.empty()) return {};
    std::string out = "denylist: these configurations were rolled back and are refused without --force\n";
    for (const auto& entry : denied) {
        const Fields config(&entry);
        out += indented(config.hash() + " since " + config.text("since") + ": " + config.text("reason"));
    }
    return out;
}

std::string reload_text(const Fields& reload) {
    auto out = last_reload_text(reload.in("last"));
    if (reload.is_set("in_progress")) out += "a reload is in progress\n";
    return out + pending_text(reload.in("pending")) + window_text(reload.in("window")) + denylist_text(reload) +
           watch_text(reload.in("watch"));
}

std::string lock_text(const Fields& lock) {
    if (!lock.is_there()) return {};
    auto out = "lock: " + lock.text("type");
    if (lock.find("member")) out += ", fleet " + lock.text("fleet") + ", member " + lock.text("member");
    if (lock.find("holder")) out += ", held by " + lock.text("holder");
    else out += lock.is_set("held") ? ", held" : ", free";
    if (lock.is_set("waiting")) out += ", a reload waits for it";
    if (lock.find("fence")) out += ", fence " + lock.text("fence");
    if (lock.find("reachable")) {
        out += lock.is_set("reachable") ? ", its servers answer" : ", its servers do not answer";
        if (lock.find("heard_at")) out += " (last at " + lock.text("heard_at") + ")";
    }
    out += "\n";
    if (lock.find("problem")) out += indented(lock.text("problem"));
    for (const auto& entry : lock.list("servers")) {
        const Fields server(&entry);
        if (server.text("persistence") == "none")
            out += indented(server.text("url") + " does not persist its data (appendonly no, save \"\")");
    }
    if (lock.number("fence_alarms") > 0)
        out += indented("the servers' fence decreased " +
                        count(static_cast<std::size_t>(lock.number("fence_alarms")), "time") +
                        ": their data was lost or restored");
    return out;
}

// Lists overrides without effect; the others are shown with their backends.
std::string overrides_text(const json::array& overrides) {
    std::string out;
    for (const auto& entry : overrides) {
        const Fields setting(&entry);
        if (setting.is_set("in_force")) continue;
        out += "override " + setting.text("pool") + "/" + setting.text("backend") + " (" + settings(setting) +
               ") has no effect: the configuration in its canary window does not have this backend (" +
               setting.text("address") + ")\n";
    }
    return out;
}

std::string certificates_text(const json::array& certificates) {
    std::string out;
    for (const auto& entry : certificates) {
        const Fields certificate(&entry);
        std::string names;
        for (const auto& name : certificate.list("names")) names += (names.empty() ? "" : ", ") + text_of(name);
        out += "  certificate for " + names + " by " + certificate.text("issuer") + ", until " +
               certificate.text("not_after") + " (" + certificate.text("days_left") + " days left)\n";
    }
    return out;
}

std::string listeners_text(const json::array& listeners) {
    std::string out;
    for (const auto& entry : listeners) {
        const Fields listener(&entry);
        out += "listener " + listener.text("name") + " on " + listener.text("address");
        if (listener.find("protocol")) out += " (" + listener.text("protocol") + ")";
        out += ": " + listener.text("active") + " active connections, " + listener.text("connections") + " in total";
        if (const auto http2 = listener.in("http2"); http2.is_there())
            out += "; HTTP/2: " + http2.text("active") + " with " + http2.text("active_streams") + " active streams";
        out += "\n";
        out += certificates_text(listener.list("certificates"));
    }
    return out;
}

// Says how many requests the limits of each route have refused.
std::string routes_text(const json::array& routes) {
    std::string out;
    for (const auto& entry : routes) {
        const Fields route(&entry);
        std::string refused;
        for (const char* limit : {"rate_limit", "concurrency_limit"})
            if (route.find(limit))
                refused += (refused.empty() ? "" : " and ") + route.in(limit).text("refused") + " by " + limit;
        out += "route " + route.text("name") + ": refused " + refused + "\n";
    }
    return out;
}

std::string retries_text(const Fields& retries) {
    if (retries.number("made") == 0 && retries.number("refused_by_budget") == 0) return {};
    return "retries: " + retries.text("made") + ", and " + retries.text("refused_by_budget") +
           " refused by the retry budget\n";
}

enum class Align { left, right };
struct Column {
    const char* title;
    Align align;
};
constexpr std::array columns{
    Column{"BACKEND", Align::left},   Column{"ADDRESS", Align::left},   Column{"STATE", Align::left},
    Column{"REQUESTS", Align::right}, Column{"ACTIVE", Align::right},   Column{"IDLE", Align::right},
    Column{"FAILURES", Align::right}, Column{"RETRIES", Align::right},  Column{"WEIGHT", Align::right},
    Column{"SINCE", Align::left},     Column{"LAST CHECK", Align::left}};

// Returns the table cells of a backend, one per column.
std::vector<std::string> backend_row(const Fields& backend) {
    const auto number = [&](const char* key) { return backend.find(key) ? backend.text(key) : "-"; };
    const auto in_file = backend.in("file").text("weight");
    auto weight = backend.text("weight");
    const auto now = backend.decimal("effective_weight");
    const auto during_slow_start = now.empty() || now == weight ? "" : "now " + now;
    const auto changed = in_file.empty() || in_file == weight ? "" : "file " + in_file;
    const auto* between = during_slow_start.empty() || changed.empty() ? "" : ", ";
    if (!during_slow_start.empty() || !changed.empty()) weight += " (" + during_slow_start + between + changed + ")";
    const auto check = backend.in("last_check");
    std::string checked = "-";
    if (check.is_there())
        checked = check.text("result") + ", " + check.text("duration_ms") + " ms, at " + check.text("at");
    return {backend.text("name"),
            backend.text("address"),
            backend.text("state") + (backend.is_set("backup") ? " (backup)" : ""),
            number("requests"),
            number("active"),
            number("idle"),
            number("failures"),
            number("retries"),
            weight,
            backend.find("since") ? backend.text("since") : "-",
            checked};
}

std::string checks_text(const Fields& backend) {
    if (backend.number("failed_checks") == 0 && !backend.find("last_failure")) return {};
    auto out = backend.text("failed_checks") + " of " + backend.text("checks") + " checks failed";
    if (backend.number("failures_in_a_row") > 0) out += ", the last " + backend.text("failures_in_a_row") + " in a row";
    else if (backend.text("state") == "down" && backend.number("passes_in_a_row") > 0)
        out += ", the last " + backend.text("passes_in_a_row") + " passed";
    if (const auto downs = backend.number("ejections"); downs > 0)
        out += "; down " + count(static_cast<std::size_t>(downs), "time");
    if (backend.find("last_failure")) out += "; last failure: " + backend.text("last_failure");
    return out;
}

// Returns the remarks about a backend that do not fit in its row.
std::string backend_remarks(const Fields& backend) {
    std::string out;
    const auto say = [&](const std::string& text) { out += text.empty() ? "" : indented(text, "    "); };
    if (backend.find("host")) say("an address of " + backend.text("host"));
    if (backend.find("override"))
        say("changed at run time; the file has " + settings(backend.in("file")) + " (weir clear restores that)");
    if (backend.find("agent_override")) say("requests in its heartbeats: " + settings(backend.in("agent_override")));
    say(checks_text(backend));
    if (const auto times = backend.number("outlier_ejections"); times > 0)
        say("ejected for failing live requests " + count(static_cast<std::size_t>(times), "time"));
    if (const auto http2 = backend.in("http2"); http2.is_there())
        say("HTTP/2: " + count(static_cast<std::size_t>(http2.number("active")), "connection") + " with " +
            http2.text("active_streams") + " active streams");
    for (const auto& entry : backend.list("last_errors")) {
        const Fields error(&entry);
        say("error at " + error.text("at") + ": " + error.text("reason") + " (" + error.text("detail") + ")");
    }
    return out;
}

std::string format_row(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::string space(widths[i] - cells[i].size(), ' ');
        out += "  " + (columns[i].align == Align::right ? space + cells[i] : cells[i] + space);
    }
    return out.substr(0, out.find_last_not_of(' ') + 1) + "\n";
}

std::string pool_text(const Fields& pool) {
    auto out = "\npool " + pool.text("name");
    if (pool.find("algorithm")) out += ", " + pool.text("algorithm");
    if (const auto queue = pool.in("queue"); queue.is_there())
        out += ", " + queue.text("length") + " of " + queue.text("max") + " queue entries in use";
    out += "\n";
    Table table(1);
    for (const auto& column : columns) table[0].push_back(column.title);
    for (const auto& backend : pool.list("backends")) table.push_back(backend_row(Fields(&backend)));
    std::vector<std::size_t> widths(columns.size());
    for (const auto& row : table)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    out += format_row(table[0], widths);
    for (std::size_t i = 1; i < table.size(); ++i)
        out += format_row(table[i], widths) + backend_remarks(Fields(&pool.list("backends")[i - 1]));
    for (const auto& name : pool.list("unresolved"))
        out += indented(text_of(name) +
                        " cannot be resolved: the pool runs without it, and the name is resolved again every second");
    return out;
}

} // namespace

std::string status_text(const json::object& object) {
    const Fields status(object);
    auto out = process_text(status) + reload_text(status.in("reload")) + lock_text(status.in("lock")) +
               overrides_text(status.list("overrides")) + listeners_text(status.list("listeners")) +
               routes_text(status.list("routes")) + retries_text(status.in("retries"));
    for (const auto& pool : status.list("pools")) out += pool_text(Fields(&pool));
    return out;
}

} // namespace weir::proxy::cli
