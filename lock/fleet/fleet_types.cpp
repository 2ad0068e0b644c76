#include "lock/fleet/fleet_types.h"

#include <boost/json.hpp>

#include <algorithm>
#include <tuple>

namespace weir::lock {

namespace json = boost::json;

namespace {

template <class E> struct Word {
    std::string_view text;
    E value;
};

constexpr Word<MemberState> states[] = {
    {"serving", MemberState::serving}, {"watching", MemberState::watching}, {"stopping", MemberState::stopping}};

constexpr Word<ChangeVerdict> verdicts[] = {{"begun", ChangeVerdict::begun},
                                            {"good", ChangeVerdict::good},
                                            {"bad", ChangeVerdict::bad},
                                            {"broken", ChangeVerdict::broken},
                                            {"pushed", ChangeVerdict::pushed}};

template <class E, std::size_t N> std::string_view find_word(E value, const Word<E> (&words)[N]) {
    for (const auto& word : words)
        if (word.value == value) return word.text;
    return "unknown";
}

// Reads the fields of one JSON object. If a field is missing or has another type, the whole object is rejected.
class Reader {
public:
    explicit Reader(std::string_view text) {
        boost::system::error_code error;
        value_ = json::parse(text, error);
        well_ = !error && value_.is_object();
    }
    Reader& text(const char* key, std::string& into) {
        if (const auto* found = find(key); found && found->is_string()) into = found->as_string();
        else well_ = false;
        return *this;
    }
    template <class T> Reader& number(const char* key, T& into) {
        const auto* found = find(key);
        if (found && found->is_int64() && found->as_int64() >= 0) into = static_cast<T>(found->as_int64());
        else well_ = false;
        return *this;
    }
    // Optional fields, which older members do not send, keep their values if they are missing.
    Reader& optional_flag(const char* key, bool& into) {
        if (const auto* found = find(key); found && found->is_bool()) into = found->as_bool();
        return *this;
    }
    Reader& optional_text(const char* key, std::string& into) { return find(key) ? text(key, into) : *this; }
    template <class T> Reader& optional_number(const char* key, T& into) {
        return find(key) ? number(key, into) : *this;
    }
    // Reads one of `words`; any other word leaves `into` unchanged.
    template <class E, std::size_t N> Reader& word(const char* key, E& into, const Word<E> (&words)[N]) {
        std::string found;
        text(key, found);
        for (const auto& word : words)
            if (word.text == found) into = word.value;
        return *this;
    }
    bool is_well() const { return well_; }

private:
    const json::value* find(const char* key) const { return well_ ? value_.as_object().if_contains(key) : nullptr; }

    json::value value_;
    bool well_;
};

} // namespace

std::string_view to_word(MemberState state) { return find_word(state, states); }

std::string_view to_word(ChangeVerdict verdict) { return find_word(verdict, verdicts); }

FleetVersion newest_of(const std::vector<FleetVersion>& versions) {
    FleetVersion best;
    std::ptrdiff_t most = 0;
    for (const auto& version : versions) {
        const auto count =
            std::count_if(versions.begin(), versions.end(), [&](const auto& v) { return v.is_same(version); });
        if (std::tie(version.number, count, version.hash) <= std::tie(best.number, most, best.hash)) continue;
        best = version;
        most = count;
    }
    return best;
}

std::string to_text(const FleetMember& m) {
    return json::serialize(json::object{{"name", m.name},
                                        {"version", m.version},
                                        {"hash", m.hash},
                                        {"fence", m.fence},
                                        {"state", to_word(m.state)},
                                        {"healthy", m.healthy},
                                        {"given", m.pushed_version},
                                        {"takes_given", m.takes_pushed},
                                        {"refused", m.refused},
                                        {"why", m.reason}});
}

std::string to_text(const FleetDenylistEntry& b) {
    return json::serialize(json::object{{"hash", b.hash}, {"why", b.reason}, {"author", b.author}, {"since", b.since}});
}

std::string to_text(const FleetChange& c) {
    return json::serialize(json::object{{"fence", c.fence},
                                        {"hash", c.hash},
                                        {"member", c.member},
                                        {"verdict", to_word(c.verdict)},
                                        {"why", c.reason},
                                        {"at", c.at},
                                        {"took_ms", c.took_ms}});
}

std::string to_text(const FleetVersion& v) {
    return json::serialize(json::object{{"version", v.number}, {"hash", v.hash}, {"author", v.author}, {"at", v.at}});
}

std::optional<FleetMember> member_from(std::string_view text) {
    FleetMember m;
    Reader reader(text);
    reader.text("name", m.name).text("version", m.version).text("hash", m.hash).word("state", m.state, states);
    reader.number("fence", m.fence).number("healthy", m.healthy);
    reader.optional_number("given", m.pushed_version).optional_flag("takes_given", m.takes_pushed);
    reader.optional_text("refused", m.refused).optional_text("why", m.reason);
    return reader.is_well() ? std::optional(m) : std::nullopt;
}

std::optional<FleetDenylistEntry> denylist_entry_from(std::string_view text) {
    FleetDenylistEntry b;
    Reader reader(text);
    reader.text("hash", b.hash).text("why", b.reason).text("author", b.author).number("since", b.since);
    return reader.is_well() ? std::optional(b) : std::nullopt;
}

std::optional<FleetChange> change_from(std::string_view text) {
    FleetChange c;
    Reader reader(text);
    reader.text("hash", c.hash).text("member", c.member).word("verdict", c.verdict, verdicts).text("why", c.reason);
    reader.number("fence", c.fence).number("at", c.at).number("took_ms", c.took_ms);
    return reader.is_well() ? std::optional(c) : std::nullopt;
}

std::optional<FleetVersion> version_from(std::string_view text) {
    FleetVersion v;
    Reader reader(text);
    reader.number("version", v.number).text("hash", v.hash).text("author", v.author).number("at", v.at);
    return reader.is_well() ? std::optional(v) : std::nullopt;
}

} // namespace weir::lock
