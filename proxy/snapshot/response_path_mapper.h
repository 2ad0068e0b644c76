// Gives clients the paths of a route in the responses of its backends: the reverse of strip_prefix and add_prefix, in
// redirects and cookies.
//
//   strip_prefix: /shop, add_prefix: /v1      a client's /shop/cart is the backend's /v1/cart, and the reverse
//
// A path is the backend's if it consists of the segments of add_prefix, or begins with them. Other paths, and URLs of
// other hosts, are left alone.
//
// Thread: immutable.
// Lifetime: owns what it holds; ResponseOrigins points into the request.
#pragma once

#include "conf/model/config.h"

#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy::http {

// How the client and weir call the same server.
struct ResponseOrigins {
    std::string_view client_scheme, client_authority;   // "https", "example.com:8443"; no authority: not known
    std::string_view backend_scheme, backend_authority; // of weir's own request
    std::string_view backend_address;                   // as configured: "10.0.0.1:80"
};

class ResponsePathMapper {
public:
    ResponsePathMapper() = default;
    explicit ResponsePathMapper(const conf::PathRewrite& rules);

    // Return what the client gets in place of a value; unset if it is left alone. The costs are linear.

    // Of Location or Content-Location: a URL of the backend or of the client's host, or an absolute path. A relative
    // reference is left alone. A URL of the backend becomes an absolute path, which clients resolve against the URL
    // that they have asked for, whatever proxies are in front of weir (RFC 9110 section 10.2.2). A URL of the client's
    // host keeps its scheme, because the backend may want the client to change it, unless it would lead from https to
    // http: a backend that gets plain requests often does not know better.
    std::optional<std::string> map_url(std::string_view url, const ResponseOrigins& origins) const;
    // Of Refresh: "5; url=/x".
    std::optional<std::string> map_refresh(std::string_view refresh, const ResponseOrigins& origins) const;
    // Of Set-Cookie: its last Path counts (RFC 6265 section 5.2.4). Browsers accept cookies whose names begin with
    // "__Host-" for the path "/" only.
    std::optional<std::string> map_cookie(std::string_view cookie) const;
    // Of a header of a response, by its name.
    std::optional<std::string> map_field(std::string_view name, std::string_view value,
                                         const ResponseOrigins& origins) const;

private:
    // Returns the rest of a backend's path behind add_prefix; unset if the path does not have it.
    std::optional<std::string_view> rest_of(std::string_view path) const;
    std::optional<std::string> map_path(std::string_view path) const;

    std::string add_prefix_;
    std::string strip_prefix_;         // without a slash at its end
    bool strip_ends_in_slash_ = false; // so that only what is below it is stripped
};

// The changes to one response.
struct ResponseMapping {
    const ResponsePathMapper& mapper;
    ResponseOrigins origins;
};

} // namespace weir::proxy::http
