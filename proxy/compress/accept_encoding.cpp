#include "proxy/compress/accept_encoding.h"

#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::compress {
namespace {

using conf::ContentCoding;

// Reads a weight (RFC 9110 section 12.4.2): "1", "0.5", "0.123". Returns 0 if it is illegal.
std::uint16_t read_weight(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
    if (text.size() > 1 && text[1] != '.') return 0;
    unsigned weight = text[0] == '1' ? AcceptEncoding::max_weight : 0;
    unsigned place = AcceptEncoding::max_weight;
    for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (!http::is_digit(c)) return 0;
        place /= 10;
        weight += static_cast<unsigned>(c - '0') * place;
    }
    return static_cast<std::uint16_t>(weight <= AcceptEncoding::max_weight ? weight : 0);
}

// Returns the weight that follows the name of a coding. Returns 0 if it is illegal.
std::uint16_t read_parameters(std::string_view text) {
    if (text.empty()) return AcceptEncoding::max_weight;
    text = http::trim(text.substr(1)); // behind the semicolon
    return http::same_word(text.substr(0, 2), "q=") ? read_weight(text.substr(2)) : std::uint16_t{0};
}

} // namespace

std::optional<std::size_t> AcceptEncoding::index_of(std::string_view name) {
    if (http::same_word(name, "gzip") || http::same_word(name, "x-gzip"))
        return static_cast<std::size_t>(ContentCoding::gzip);
    if (http::same_word(name, "br")) return static_cast<std::size_t>(ContentCoding::br);
    if (http::same_word(name, "zstd")) return static_cast<std::size_t>(ContentCoding::zstd);
    if (http::same_word(name, "identity")) return identity;
    if (name == "*") return any;
    return std::nullopt;
}

void AcceptEncoding::read_element(std::string_view element) {
    const auto end = std::min(element.find(';'), element.size());
    const auto index = index_of(http::trim(element.substr(0, end)));
    if (!index) return;
    auto& known = weights_[*index];
    known = std::min(read_parameters(element.substr(end)), known.value_or(max_weight));
}

void AcceptEncoding::read(std::string_view value) {
    http::for_each_element(value, [this](std::string_view element) { read_element(element); });
}

std::uint16_t AcceptEncoding::weight(ContentCoding coding) const {
    const auto& own = weights_[static_cast<std::size_t>(coding)];
    return own ? *own : weights_[any].value_or(0);
}

std::optional<std::uint16_t> AcceptEncoding::identity_weight() const {
    return weights_[identity] ? weights_[identity] : weights_[any];
}

std::optional<ContentCoding> AcceptEncoding::choose(std::span<const ContentCoding> offered) const {
    const auto best = std::max_element(offered.begin(), offered.end(),
                                       [this](auto one, auto other) { return weight(one) < weight(other); });
    if (best == offered.end() || weight(*best) == 0 || weight(*best) < identity_weight().value_or(0)) return {};
    return *best;
}

} // namespace weir::proxy::compress
