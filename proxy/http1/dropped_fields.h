// The fields of one message that are not forwarded because a Connection field or a route names them.
//
// Names are compared as CGI and WSGI backends compare them (see fold_name() in chars.h). A client can send many fields
// and many names. A hash table keeps the work linear in their bytes, and its secret key keeps a client from choosing
// names that collide.
//
// Thread: one at a time.
// Lifetime: the fields must outlive it.
#pragma once

#include "proxy/http1/head.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::proxy::http {

class DroppedFields {
public:
    // Keys are at least 1 and less than this prime.
    static constexpr std::uint64_t key_modulus = (std::uint64_t{1} << 61) - 1;

    // There are at most max_field_count fields. The table is built when the first name is dropped, since most messages
    // drop none. `key` is secret and random; 0 means process_name_key().
    explicit DroppedFields(const std::vector<Field>& fields, std::uint64_t key = 0) : fields_(fields), key_(key) {}
    DroppedFields(const DroppedFields&) = delete;
    DroppedFields& operator=(const DroppedFields&) = delete;

    // Drops every field with this name, in all its spellings.
    void drop(std::string_view name);

    bool contains(std::size_t field) const { return mask_ != 0 && dropped_[first_[field]]; }

private:
    static constexpr std::uint16_t none = 0xffff;

    void make_table();
    std::size_t find_slot(std::string_view name) const;

    const std::vector<Field>& fields_;
    std::uint64_t key_;
    std::size_t mask_ = 0;                             // one less than the number of slots in use; 0: there is no table
    std::array<std::uint16_t, 2048> slots_;            // the first field with a name, or `none`
    std::array<std::uint16_t, max_field_count> first_; // for each field: the first with the same name
    std::array<bool, max_field_count> dropped_;        // for each first field
    static_assert(std::tuple_size_v<decltype(slots_)> >= 2 * max_field_count);
};

// Returns a random key for DroppedFields. It is chosen on the first call and constant until the process ends.
std::uint64_t process_name_key();

} // namespace weir::proxy::http
