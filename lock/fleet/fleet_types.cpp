#include "lock/fleet/fleet_types.h"

#include <boost/json.hpp>

#include <algorithm>
#include <concepts>
#include <tuple>
#include <utility>

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
class FieldReader {
public:
    template <class T> using Record = T;

    explicit FieldReader(std::string_view text) {
        boost::system::error_code error;
        value_ = json::parse(text, error);
        well_ = !error && value_.is_object();
    }
    FieldReader& field(const char* key, std::string& into) {
        if (const auto* found = find(key); found && found->is_string()) into = found->as_string();
        else well_ = false;
        return *this;
    }
    template <std::integral T> FieldReader& field(const char* key, T& into) {
        const auto* found = find(key);
        if (found && found->is_int64() && found->as_int64() >= 0) into = static_cast<T>(found->as_int64());
        else well_ = false;
        return *this;
    }
    // Reads one of `words`; any other word leaves `into` unchanged.
    template <class E, std::size_t N> FieldReader& field(const char* key, E& into, const Word<E> (&words)[N]) {
        std::string found;
        field(key, found);
        for (const auto& word : words)
            if (word.text == found) into = word.value;
        return *this;
    }
    // Optional fields, which older members do not send, keep their values if they are missing.
    template <class T> FieldReader& optional(const char* key, T& into) { return find(key) ? field(key, into) : *this; }
    FieldReader& optional(const char* key, bool& into) {
        if (const auto* found = find(key); found && found->is_bool()) into = found->as_bool();
        return *this;
    }
    bool is_well() const { return well_; }

private:
    const json::value* find(const char* key) const { return well_ ? value_.as_object().if_contains(key) : nullptr; }

    json::value value_;
    bool well_;
};

// Writes the fields of one JSON object.
class FieldWriter {
public:
    template <class T> using Record = const T;

    template <class T> FieldWriter& field(const char* key, const T& value) {
        object_[key] = value;
        return *this;
    }
    template <class E, std::size_t N> FieldWriter& field(const char* key, E value, const Word<E> (&words)[N]) {
        return field(key, find_word(value, words));
    }
    template <class T> FieldWriter& optional(const char* key, const T& value) { return field(key, value); }
    std::string text() const { return json::serialize(object_); }

private:
    json::object object_;
};

// These functions visit the fields of each record under their stored names, in the stored order. `Fields` reads or
// writes them.
template <class Fields> void visit(Fields& fields, typename Fields::template Record<FleetMember>& m) {
    fields.field("name", m.name).field("version", m.version).field("hash", m.hash).field("fence", m.fence);
    fields.field("state", m.state, states).field("healthy", m.healthy);
    fields.optional("given", m.pushed_version).optional("takes_given", m.takes_pushed);
    fields.optional("refused", m.refused).optional("why", m.reason);
}

template <class Fields> void visit(Fields& fields, typename Fields::template Record<FleetDenylistEntry>& e) {
    fields.field("hash", e.hash).field("why", e.reason).field("author", e.author).field("since", e.since);
}

template <class Fields> void visit(Fields& fields, typename Fields::template Record<FleetChange>& c) {
    fields.field("fence", c.fence).field("hash", c.hash).field("member", c.member);
    fields.field("verdict", c.verdict, verdicts).field("why", c.reason);
    fields.field("at", c.at).field("took_ms", c.took_ms);
}

template <class Fields> void visit(Fields& fields, typename Fields::template Record<FleetVersion>& v) {
    fields.field("version", v.number).field("hash", v.hash).field("author", v.author).field("at", v.at);
}

template <class T> std::string write(const T& record) {
    FieldWriter writer;
    visit(writer, record);
    return writer.text();
}

template <class T> std::optional<T> read(std::string_view text) {
    FieldReader reader(text);
    T record;
    visit(reader, record);
    return reader.is_well() ? std::optional(std::move(record)) : std::nullopt;
}

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

std::string to_text(const FleetMember& member) { return write(member); }
std::string to_text(const FleetDenylistEntry& entry) { return write(entry); }
std::string to_text(const FleetChange& change) { return write(change); }
std::string to_text(const FleetVersion& version) { return write(version); }

std::optional<FleetMember> member_from(std::string_view text) { return read<FleetMember>(text); }
std::optional<FleetDenylistEntry> denylist_entry_from(std::string_view text) { return read<FleetDenylistEntry>(text); }
std::optional<FleetChange> change_from(std::string_view text) { return read<FleetChange>(text); }
std::optional<FleetVersion> version_from(std::string_view text) { return read<FleetVersion>(text); }

} // namespace weir::lock
