#include "proxy/http1/dropped_fields.h"

#include "proxy/http1/chars.h"

#include <bit>

namespace weir::proxy::http {
namespace {

constexpr std::uint64_t prime = DroppedFields::key_modulus;

// Evaluates a polynomial over the bytes of a name at a secret point of a prime field: two names of n bytes collide for
// at most n of the 2^61 keys.
std::uint64_t hash_name(std::string_view name, std::uint64_t key) {
    std::uint64_t hash = name.size();
    for (const char c : name) {
        __extension__ using Wide = unsigned __int128;
        const auto product = static_cast<Wide>(hash + static_cast<unsigned char>(fold_name(c))) * key;
        hash = static_cast<std::uint64_t>(product & prime) + static_cast<std::uint64_t>(product >> 61);
        if (hash >= prime) hash -= prime;
    }
    return hash;
}

} // namespace

void DroppedFields::make_table() {
    if (key_ == 0) key_ = process_name_key();
    mask_ = std::bit_ceil(2 * fields_.size() + 2) - 1;
    for (std::size_t i = 0; i <= mask_; ++i) slots_[i] = none;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
        auto& slot = slots_[find_slot(fields_[i].name)];
        if (slot == none) slot = static_cast<std::uint16_t>(i);
        first_[i] = slot;
        dropped_[i] = false;
    }
}

// Returns the slot that the name has, or would have.
std::size_t DroppedFields::find_slot(std::string_view name) const {
    auto slot = static_cast<std::size_t>(hash_name(name, key_)) & mask_;
    while (slots_[slot] != none && !is_alias(fields_[slots_[slot]].name, name)) slot = (slot + 1) & mask_;
    return slot;
}

void DroppedFields::drop(std::string_view name) {
    if (mask_ == 0) make_table();
    if (const auto field = slots_[find_slot(name)]; field != none) dropped_[field] = true;
}

} // namespace weir::proxy::http
