// The keys of routes, in the form of fields.h, which includes this file.
//
// Thread: pure functions.
// Lifetime: see fields.h.
#pragma once

#include "conf/model/config.h"

#include <concepts>

namespace weir::conf {

template <class T, class U>
concept Of = std::same_as<std::remove_const_t<T>, U>;

template <class V> void visit(V& v, Of<TimeoutOverrides> auto& t) {
    v.field("connect", t.connect, "how long connecting to a backend may take");
    v.field("response", t.response, "how long a backend may be silent before its response begins");
    v.field("stream_idle", t.stream_idle, "how long a backend may be silent once its response has begun");
    v.field("tunnel", t.tunnel, "how long a tunnel or TCP connection may be idle");
    v.unsupported("client_header");
    v.unsupported("client_idle");
}

template <class V> void visit(V& v, Of<Match> auto& m) {
    v.list("hosts", m.hosts, "exact host names, or *.example.com for every name below it");
    v.field("path", m.path, "exact path, without the query");
    v.field("path_prefix", m.path_prefix, "first segments of the path: /v1 matches /v1 and /v1/x, not /v10");
    v.field("path_regex", m.path_regex, "regular expression (RE2) to search for in the path");
    v.list("methods", m.methods, "methods, such as GET; the request must have one of them");
    v.pairs("headers", m.headers, "headers that the request must have, with their values; \"*\" matches any value");
    v.pairs("query", m.query, "parameters that the query must have, with their values; \"*\" matches any value");
    v.list("clients", m.clients, "address blocks; one must contain the client's address");
    v.list("listeners", m.listeners, "names of the listeners that use this route; all if empty");
}

template <class V> void visit(V& v, Of<HeaderEdit> auto& h) {
    v.pairs("set", h.set, "headers to set; they replace those with the same name");
    v.pairs("add", h.add, "headers to add, besides those with the same name");
    v.list("remove", h.remove, "headers to remove");
}

template <class V> void visit(V& v, Of<Redirect> auto& r) {
    v.required("to", r.to, "URL or path, such as \"https://{host}{path_and_query}\"");
    v.whole("status", r.status, 301, 308, "status of the redirect: 301, 302, 303, 307 or 308");
}

template <class V> void visit(V& v, Of<FixedResponse> auto& r) {
    v.whole("status", r.status, 200, 599, "status of the response");
    v.field("body", r.body, "body of the response");
    v.field("file", r.file, "file whose contents are the body; its extension determines the Content-Type");
    v.pairs("headers", r.headers,
            "headers of the response; default Content-Type: text/plain, or what the file's extension determines");
}

template <class V> void visit(V& v, Of<QueryEdit> auto& q) {
    v.pairs("set", q.set, "parameters to set; they replace those with the same name");
    v.pairs("add", q.add, "parameters to add, besides those with the same name");
    v.list("remove", q.remove, "parameters to remove");
}

template <class V> void visit(V& v, Of<PathRewrite> auto& r) {
    v.field("strip_prefix", r.strip_prefix, "first segments of the path to remove");
    v.field("regex", r.regex, "regular expression (RE2) whose first match in the path is replaced by `replace`");
    v.field("replace", r.replace,
            "replacement for the match of `regex`; $1 to $9 are its groups, $0 is the whole match");
    v.field("add_prefix", r.add_prefix, "segments to put before the path");
    v.object("query", r.query, "changes to the parameters of the query");
    v.field("map_back", r.map_back,
            "applies the reverse of strip_prefix and add_prefix to redirects and cookie paths in responses");
}

template <class V> void visit(V& v, Of<Access> auto& a) {
    v.list("allow", a.allow, "address blocks of the clients that are served; default: all");
    v.list("deny", a.deny, "address blocks of clients that get a 403, even if they are in allow");
}

template <class V> void visit(V& v, Of<BasicAuth> auto& a) {
    v.field("realm", a.realm, "name of the protected area, which browsers show");
    v.required("users_file", a.users_file, "file with a line user:hash for each user, as written by htpasswd -B");
}

template <class V> void visit(V& v, Of<RateLimit> auto& l) {
    v.required("rate", l.rate, "average rate of each client's requests, such as 100/s");
    v.whole("burst", l.burst, 0, 1'000'000,
            "requests that a client may send at once; 0: as many as the rate allows in a second");
    v.field("by", l.by, "client key: client_ip, header:NAME or cookie:NAME");
}

template <class V> void visit(V& v, Of<ConcurrencyLimit> auto& l) {
    v.required_whole("max", l.max, 1, 10'000, "maximum number of concurrent requests of each client");
    v.field("by", l.by, "client key: client_ip, header:NAME or cookie:NAME");
}

template <class V> void visit(V& v, Of<ForwardAuth> auto& a) {
    v.required("pool", a.pool, "pool of the service that decides");
    v.required("path", a.path, "path of the request to the service");
    v.list("copy_headers", a.copy_headers, "headers of the service's response that the backend gets, such as X-User");
    v.field("timeout", a.timeout, "how long the service may take to decide");
    v.field("on_unavailable", a.on_unavailable,
            "what happens if the service cannot decide: refuse (503), or proceed without it");
}

template <class V> void visit(V& v, Of<Mirror> auto& m) {
    v.required("pool", m.pool, "pool that gets copies of requests; its responses are discarded");
    v.field("share", m.share, "share of the requests that are copied");
    v.field("body_size", m.body_size, "maximum size of a body; requests with larger bodies are not copied");
}

template <class V> void visit(V& v, Of<CompressionLevels> auto& l) {
    v.whole("gzip", l.gzip, 1, CompressionLevels::max_gzip, "effort of gzip");
    v.whole("br", l.br, 1, CompressionLevels::max_br, "effort of brotli");
    v.whole("zstd", l.zstd, 1, CompressionLevels::max_zstd, "effort of zstd");
}

template <class V> void visit(V& v, Of<Compression> auto& c) {
    v.list("types", c.types,
           "media types to compress, such as text/* or application/json; default: common text formats");
    v.field("min_size", c.min_size, "smaller responses are not compressed, if their size is known");
    v.list("encodings", c.encodings, "br, zstd and gzip, by preference; default: all of them");
    v.object("levels", c.levels, "effort of each encoder: higher levels compress better and need more CPU time");
    v.field("skip_authenticated", c.skip_authenticated,
            "do not compress responses to requests with Cookie, Authorization or a client certificate");
}

template <class V> void visit(V& v, Of<Route> auto& r) {
    v.field("name", r.name, "shown in plans; default: the route's position");
    v.object("match", r.match, "conditions; all of them must match");
    v.field("pool", r.pool, "pool that serves matching requests; required unless split, redirect or respond is set");
    v.pairs("split", r.split,
            "pools that share the requests, each with its share, such as 95%; the shares must add up to 100%");
    v.field("split_by", r.split_by,
            "which requests go to the same pool: those with the same client_ip, header:NAME or cookie:NAME; request: "
            "each is drawn at random");
    v.optional("redirect", r.redirect, "redirects the client");
    v.optional("respond", r.respond, "responds without a backend");
    v.optional("rewrite", r.rewrite, "changes the path and the query before they are forwarded");
    v.field("host", r.host, "Host that the backend gets: keep (the client's), backend (the backend's own), or a host");
    v.object("request_headers", r.request_headers, "changes to the headers of the request");
    v.object("response_headers", r.response_headers, "changes to the headers of the response");
    v.optional("access", r.access, "which clients are served; other clients get a 403");
    v.optional("basic_auth", r.basic_auth, "requires a user name and a password");
    v.optional("forward_auth", r.forward_auth, "asks another service whether a client is served");
    v.optional("rate_limit", r.rate_limit, "limits the requests of each client; those over the limit get a 429");
    v.optional("concurrency_limit", r.concurrency_limit,
               "limits the concurrent requests of each client; those over the limit get a 429");
    v.optional("mirror", r.mirror, "sends copies of requests to another pool");
    v.field("body_size", r.body_size, "maximum size of a request body, in place of limits.body_size; 0: no limit");
    v.field("buffer_requests", r.buffer_requests,
            "receives a request's whole body before a backend gets the request; requires a limit (body_size)");
    v.pairs("error_pages", r.error_pages, "files that replace weir's own error pages, by status (502) or class (5xx)");
    v.object("timeouts", r.timeouts, "override the timeouts of the pool and the global ones");
    v.optional("compress", r.compress, "compresses responses for clients that accept it; {}: with the defaults");
    v.field("grpc_metrics", r.grpc_metrics, "counts the gRPC calls of each method by their status, in the metrics");
}

} // namespace weir::conf
