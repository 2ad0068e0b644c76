// Changed queries and mapped responses: no spelling of a parameter gets past a rule, everything else keeps its bytes,
// and no mapped URL leads to another host.
#include "proxy/snapshot/query_rewriter.h"
#include "proxy/snapshot/response_path_mapper.h"
#include "proxy/snapshot/route_conditions.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

using namespace weir;
using namespace weir::proxy::http;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

std::vector<std::string_view> split(std::string_view query) {
    std::vector<std::string_view> parts;
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        parts.push_back(query.substr(0, end));
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return parts;
}

void check_query(std::string_view query) {
    const QueryRewriter rewriter(conf::QueryEdit{{{"s", "1"}}, {}, {"q", "a b"}});
    require(rewriter.changes(query));
    std::string once, twice;
    rewriter.append_rewritten(once, query);
    rewriter.append_rewritten(twice, once);
    require(once == twice && once.starts_with('?'));
    const auto changed = std::string_view(once).substr(1);
    require(!has_parameter(changed, "q", "*") && !has_parameter(changed, "a b", "*"));
    require(has_parameter(changed, "s", "1"));
    if (query.find(';') != query.npos) return; // of such a parameter, parts may be removed
    // What no rule names is still there, in its order.
    auto parts = split(changed);
    const auto own = std::find(parts.begin(), parts.end(), "s=1");
    require(own != parts.end());
    parts.erase(own);
    auto next = parts.begin();
    for (const auto part : split(query.empty() ? query : query.substr(1))) {
        const bool named =
            has_parameter(part, "q", "*") || has_parameter(part, "a b", "*") || has_parameter(part, "s", "*");
        if (named) continue;
        require(next == parts.end() ? part.empty() : *next == part); // an empty one at the end has no separator
        if (next != parts.end()) ++next;
    }
    require(std::all_of(next, parts.end(), [](std::string_view part) { return part.empty(); }));
}

// Returns a URL without the characters that browsers leave out.
std::string as_browsers_read(std::string_view url) {
    std::string out;
    for (const char c : url)
        if (static_cast<unsigned char>(c) > ' ') out += c == '\\' ? '/' : c;
    return out;
}

void check_url(const conf::PathRewrite& rules, std::string_view url) {
    const ResponseOrigins origins{"https", "client", "http", "backend:81", "10.0.0.1"};
    const ResponsePathMapper mapper(rules);
    const auto mapped = mapper.map_url(url, origins);
    if (!mapped) return;
    const auto read = as_browsers_read(*mapped);
    std::string_view path = read;
    if (path.starts_with("https://client/")) path.remove_prefix(std::string_view("https://client").size());
    require(path.starts_with(rules.strip_prefix) && path.starts_with('/') && !path.starts_with("//"));
    path.remove_prefix(rules.strip_prefix.size());
    require(path.empty() || path[0] == '/' || path[0] == '?' || path[0] == '#');
}

void check_cookie(const conf::PathRewrite& rules, std::string_view cookie) {
    const auto mapped = ResponsePathMapper(rules).map_cookie(cookie);
    if (!mapped) return;
    const auto ends = std::mismatch(cookie.begin(), cookie.end(), mapped->begin(), mapped->end());
    const auto same = static_cast<std::size_t>(ends.first - cookie.begin());
    require(cookie.substr(0, same).find(';') != std::string_view::npos); // its name and value stay
    const auto count = [](std::string_view text) { return std::count(text.begin(), text.end(), ';'); };
    require(count(cookie) == count(*mapped));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    // Neither targets nor values hold these.
    if (bytes.find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos) return 0;
    check_query("?" + bytes);
    conf::PathRewrite shop, plain;
    shop.strip_prefix = "/shop";
    plain.add_prefix = "/v1";
    for (const auto& rules : {shop, plain}) {
        check_url(rules, bytes);
        check_url(rules, rules.add_prefix + "/" + bytes);
        check_url(rules, "http://backend:81" + rules.add_prefix + bytes);
        check_cookie(rules, bytes);
        check_cookie(rules, "a=b; Path=" + rules.add_prefix + "/" + bytes);
        ResponsePathMapper(rules).map_refresh(bytes, {"https", "client", "http", "backend:81", "10.0.0.1"});
    }
    return 0;
}
