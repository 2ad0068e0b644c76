#include "proxy/admin/connection_table.h"

namespace weir::proxy::admin {

std::size_t ConnectionTable::count_unknown(Origin origin) const {
    std::size_t count = 0;
    for (const auto& [_, entry] : entries_) count += !entry.known && entry.origin == origin;
    return count;
}

std::optional<ConnectionTable::Id> ConnectionTable::oldest_of(const std::string& source) const {
    for (const auto& [id, entry] : entries_)
        if (!entry.known && !entry.busy && entry.source == source) return id;
    return std::nullopt;
}

std::optional<ConnectionTable::Id> ConnectionTable::oldest_of_the_heaviest(Origin origin) const {
    std::optional<Id> victim;
    std::size_t most = 0;
    for (const auto& [id, entry] : entries_) {
        if (entry.known || entry.busy || entry.origin != origin) continue;
        const auto count = unknown_.at(entry.source);
        if (count <= most) continue;
        most = count;
        victim = id;
    }
    return victim;
}

ConnectionTable::Opened ConnectionTable::open(const std::string& source, Origin origin) {
    Opened opened;
    const auto own = unknown_.find(source);
    const auto group_limit = origin == Origin::local ? limits_.unknown_local : limits_.unknown_remote;
    const auto source_limit = origin == Origin::local ? limits_.unknown_local : limits_.unknown_per_source;
    const bool source_is_full = own != unknown_.end() && own->second >= source_limit;
    if (source_is_full || count_unknown(origin) >= group_limit) {
        opened.displaced = source_is_full ? oldest_of(source) : oldest_of_the_heaviest(origin);
        if (!opened.displaced) return opened;
        close(*opened.displaced);
    }
    opened.id = ++last_;
    entries_.emplace(last_, Entry{source, origin, false, false, last_});
    ++unknown_[source];
    return opened;
}

std::optional<ConnectionTable::Id> ConnectionTable::set_known(Id id) {
    const auto it = entries_.find(id);
    if (it == entries_.end() || it->second.known) return std::nullopt;
    it->second.known = true;
    if (--unknown_[it->second.source] == 0) unknown_.erase(it->second.source);
    if (++known_ <= limits_.known) return std::nullopt;
    std::optional<Id> victim;
    std::uint64_t used = 0;
    for (const auto& [other, entry] : entries_) {
        if (!entry.known || entry.busy || other == id || (victim && entry.used >= used)) continue;
        victim = other;
        used = entry.used;
    }
    if (victim) close(*victim);
    return victim;
}

void ConnectionTable::set_busy(Id id, bool busy) {
    const auto it = entries_.find(id);
    if (it == entries_.end()) return;
    it->second.busy = busy;
    it->second.used = ++last_;
}

void ConnectionTable::close(Id id) {
    const auto it = entries_.find(id);
    if (it == entries_.end()) return;
    if (it->second.known) --known_;
    else if (--unknown_[it->second.source] == 0) unknown_.erase(it->second.source);
    entries_.erase(it);
}

} // namespace weir::proxy::admin
