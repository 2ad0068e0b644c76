// Accept-Encoding: weights are in range, the choice is one that a plain reading of the list allows, and the list can be
// split into several fields.
#include "proxy/compress/accept_encoding.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using weir::conf::ContentCoding;
using weir::proxy::compress::AcceptEncoding;

namespace {

constexpr std::array offered{ContentCoding::zstd, ContentCoding::br, ContentCoding::gzip};

void require(bool holds) {
    if (!holds) std::abort();
}

AcceptEncoding read(std::string_view value) {
    AcceptEncoding accepted;
    accepted.read(value);
    return accepted;
}

bool same(const AcceptEncoding& one, const AcceptEncoding& other) {
    return one.identity_weight() == other.identity_weight() &&
           std::all_of(offered.begin(), offered.end(),
                       [&](auto coding) { return one.weight(coding) == other.weight(coding); });
}

void check_choice(const AcceptEncoding& accepted) {
    const auto chosen = accepted.choose(offered);
    const int identity = accepted.identity_weight().value_or(0), weight = chosen ? accepted.weight(*chosen) : 0;
    require(!chosen || (weight > 0 && weight >= identity));
    for (const auto coding : offered) {
        require(accepted.weight(coding) <= AcceptEncoding::max_weight);
        require(accepted.weight(coding) <= std::max(weight, chosen ? 0 : identity));
        if (coding == chosen) break;
        require(!chosen || accepted.weight(coding) < weight); // it would have been preferred
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view value(reinterpret_cast<const char*>(data), size);
    const auto accepted = read(value);
    check_choice(accepted);
    // A list may come in several fields (RFC 9110 section 5.3).
    AcceptEncoding split;
    const auto comma = std::min(value.find(','), size);
    split.read(value.substr(0, comma));
    split.read(value.substr(std::min(comma + 1, size)));
    require(same(accepted, split));
    // Refusing everything, after all, refuses everything.
    auto refused = accepted;
    refused.read("br;q=0,gzip;q=0,zstd;q=0");
    require(!refused.choose(offered));
    return 0;
}
