#include "proxy/http/refused_request.h"

#include "proxy/http/forwarded.h"
#include "proxy/http1/chars.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

// Takes the text up to the next line end of any kind, and the line end.
std::string_view take_line(std::string_view& rest) {
    const auto end = std::min(rest.find_first_of("\r\n"), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end);
    if (rest.starts_with('\r')) rest.remove_prefix(1);
    if (rest.starts_with('\n')) rest.remove_prefix(1);
    return line;
}

void read_first_line(std::string_view line, log::RequestTexts& request) {
    const auto space = std::min(line.find(' '), line.size());
    const auto method = line.substr(0, space);
    request.target = line;
    if (method.empty() || space == line.size() || !std::all_of(method.begin(), method.end(), is_token)) return;
    request.method = method;
    const auto rest = line.substr(space + 1);
    const auto last = rest.rfind(" HTTP/");
    request.target = rest.substr(0, last);
    if (last != std::string_view::npos)
        request.version = rest.ends_with("/1.0") ? conf::HttpVersion::http1_0 : conf::HttpVersion::http1_1;
}

} // namespace

log::RequestTexts read_refused_request(std::string_view bytes) {
    log::RequestTexts request{.version = conf::HttpVersion::none};
    if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
    read_first_line(take_line(bytes), request);
    while (!bytes.empty()) {
        const auto line = take_line(bytes);
        if (line.empty()) break;
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const auto name = trim(line.substr(0, colon)), value = trim(line.substr(colon + 1));
        if (same_word(name, "host") && request.host.empty()) request.host = value;
        if (same_word(name, "referer") && request.referer.empty()) request.referer = value;
        if (same_word(name, "user-agent") && request.user_agent.empty()) request.user_agent = value;
    }
    return request;
}

std::optional<conf::Address> find_refused_client(std::string_view bytes, const conf::AddressBlocks& trusted) {
    ClientChain forwarded_for(trusted), forwarded(trusted);
    ClientChain* last = nullptr; // the chain that the line before belongs to
    bool told = false;
    if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
    bytes.remove_prefix(std::min(bytes.find('\n'), bytes.size() - 1) + 1);
    for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
        auto line = bytes.substr(0, end);
        bytes.remove_prefix(end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty()) break;
        if (is_blank(line.front())) { // a folded line: servers differ in what its field says
            if (last) last->add_unknown();
            continue;
        }
        last = nullptr;
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const auto name = line.substr(0, colon), value = trim(line.substr(colon + 1));
        if (same_word(name, "x-forwarded-for")) (last = &forwarded_for)->add_forwarded_for(value);
        if (same_word(name, "forwarded")) (last = &forwarded)->add_forwarded(value);
        told = told || (last == &forwarded_for && !value.empty());
    }
    return told ? forwarded_for.client() : forwarded.client();
}

} // namespace weir::proxy::http
