// A set of keys. Finds the longest key that a text begins with in O(log n) comparisons; the `parent` links lead from
// there to every shorter one.
//
// Thread: immutable once built.
// Lifetime: owns its keys.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace weir::proxy::http {

template <class Value> class PrefixIndex {
public:
    static constexpr std::size_t none = ~std::size_t{0};

    struct Entry {
        std::string key;
        Value value{};
        std::size_t parent = none; // the longest other key that this key begins with
    };

    PrefixIndex() = default;

    // `entries` must have distinct keys. The constructor sets their parents.
    explicit PrefixIndex(std::vector<Entry> entries) : entries_(std::move(entries)) {
        std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
        for (std::size_t i = 1; i < entries_.size(); ++i) {
            auto parent = i - 1;
            while (parent != none && !entries_[i].key.starts_with(entries_[parent].key))
                parent = entries_[parent].parent;
            entries_[i].parent = parent;
        }
    }

    // Replaces each value by combine(its parent's combined value, its own).
    template <class Combine> void accumulate(const Combine& combine) {
        for (auto& entry : entries_) // a parent comes before the keys that begin with it
            if (entry.parent != none) entry.value = combine(entries_[entry.parent].value, entry.value);
    }

    // Returns the longest key that `text` begins with, or `none`. `text` needs only size() and operator[].
    template <class Text> std::size_t find(const Text& text) const {
        // All keys that begin the text come before the first key greater than the text. The last key before that place
        // shares at least as many bytes with the text as any of them, so they are that key and its parents.
        const auto greater =
            std::upper_bound(entries_.begin(), entries_.end(), text, [](const auto& t, const Entry& e) {
                const auto common = common_length(t, e.key);
                if (common == e.key.size()) return false;
                return common == t.size() || byte(t[common]) < byte(e.key[common]);
            });
        if (greater == entries_.begin()) return none;
        auto at = static_cast<std::size_t>(greater - entries_.begin()) - 1;
        const auto common = common_length(text, entries_[at].key);
        while (at != none && entries_[at].key.size() > common) at = entries_[at].parent;
        return at;
    }

    const Entry& operator[](std::size_t at) const { return entries_[at]; }

private:
    static unsigned char byte(char c) { return static_cast<unsigned char>(c); }

    template <class Text> static std::size_t common_length(const Text& text, const std::string& key) {
        const auto most = std::min<std::size_t>(text.size(), key.size());
        std::size_t i = 0;
        while (i < most && text[i] == key[i]) ++i;
        return i;
    }

    std::vector<Entry> entries_; // sorted by key
};

} // namespace weir::proxy::http
