// What the Accept-Encoding fields of a request say about content codings (RFC 9110 section 12.5.3).
//
// A coding that is listed twice counts with its lowest weight, and an element that is no legal weighted coding counts
// as a refusal of that coding.
//
// Thread: values.
// Lifetime: keeps no pointer to the fields.
#pragma once

#include "conf/model/compression.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weir::proxy::compress {

class AcceptEncoding {
public:
    static constexpr std::uint16_t max_weight = 1000; // q=1

    // Reads the value of one field. The values of several fields count as one list.
    void read(std::string_view value);

    // Returns the weight of a coding, in thousandths. 0: the client does not accept it.
    std::uint16_t weight(conf::ContentCoding coding) const;
    // Returns the weight of content without a coding; unset if the client says nothing about it.
    std::optional<std::uint16_t> identity_weight() const;

    // Returns the coding with the highest weight among `offered`, and the first of these if several have it. Returns
    // nothing if the client accepts none of them, or prefers content without a coding.
    std::optional<conf::ContentCoding> choose(std::span<const conf::ContentCoding> offered) const;

private:
    static constexpr std::size_t codings = 3, identity = codings, any = codings + 1;

    static std::optional<std::size_t> index_of(std::string_view name);
    void read_element(std::string_view element);

    std::array<std::optional<std::uint16_t>, codings + 2> weights_{}; // by coding, then of identity and of "*"
};

} // namespace weir::proxy::compress
