#include "proxy/http1/fields.h"

#include "proxy/http1/chars.h"

#include <algorithm>
#include <array>
#include <span>

namespace weir::proxy::http {
namespace {

struct Known {
    std::string_view name;
    FieldId id;
};

// Sorted by length: a name is compared only with names of its own length and first letter.
constexpr std::array known{
    Known{"te", FieldId::te},
    Known{"host", FieldId::host},
    Known{"date", FieldId::date},
    Known{"proxy", FieldId::proxy},
    Known{"expect", FieldId::expect},
    Known{"cookie", FieldId::cookie},
    Known{"upgrade", FieldId::upgrade},
    Known{"trailer", FieldId::trailer},
    Known{"referer", FieldId::referer},
    Known{"forwarded", FieldId::forwarded},
    Known{"x-real-ip", FieldId::x_real_ip},
    Known{"connection", FieldId::connection},
    Known{"keep-alive", FieldId::keep_alive},
    Known{"user-agent", FieldId::user_agent},
    Known{"content-length", FieldId::content_length},
    Known{"http2-settings", FieldId::http2_settings},
    Known{"x-forwarded-for", FieldId::x_forwarded_for},
    Known{"proxy-connection", FieldId::proxy_connection},
    Known{"x-forwarded-host", FieldId::x_forwarded_host},
    Known{"transfer-encoding", FieldId::transfer_encoding},
    Known{"x-forwarded-proto", FieldId::x_forwarded_proto},
};

constexpr std::size_t longest = 17;
constexpr std::string_view forwarded = "x-forwarded-";

struct Range {
    std::uint8_t first = 0, last = 0;
};

constexpr auto by_length = [] {
    std::array<Range, longest + 1> ranges{};
    for (std::size_t i = 0; i < known.size(); ++i) {
        auto& range = ranges[known[i].name.size()];
        if (range.last == 0) range.first = static_cast<std::uint8_t>(i);
        range.last = static_cast<std::uint8_t>(i + 1);
    }
    return ranges;
}();

} // namespace

FieldId identify(std::string_view name) {
    if (name.size() <= longest) {
        const auto range = by_length[name.size()];
        for (auto i = range.first; i < range.last; ++i)
            if (to_lower(name[0]) == known[i].name[0] && same_word(name, known[i].name)) return known[i].id;
    }
    return same_word(name.substr(0, forwarded.size()), forwarded) ? FieldId::x_forwarded_other : FieldId::other;
}

FieldId identify_alias(std::string_view name) {
    char dashed[longest + 1]; // one more, so that a longer name does not match its prefix
    const auto size = std::min(name.size(), sizeof dashed);
    for (std::size_t i = 0; i < size; ++i) dashed[i] = fold_name(name[i]);
    return identify({dashed, size});
}

} // namespace weir::proxy::http
