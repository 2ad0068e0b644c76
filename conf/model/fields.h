// The keys of every section, defined once. The reader of files, the description for plans and the JSON Schema are
// visitors of these functions. A new key needs a member in config.h and a line here.
//
// A visitor has the functions field (a scalar with a default), required (a scalar without a default), whole (a number
// with bounds), required_whole, list, pairs (name to text), object, optional (an object that may be missing), named
// (name to object), and unsupported (a reserved key that weir does not support yet).
//
// Thread: pure functions.
// Lifetime: a visitor must not keep references longer than the value that it visits.
#pragma once

#include "conf/model/config.h"
#include "conf/model/route_fields.h"

namespace weir::conf {

template <class V> void visit(V& v, Of<CertificateFiles> auto& c) {
    v.required("cert", c.cert, "PEM file with the certificate, then the intermediate certificates");
    v.required("key", c.key, "PEM file with the private key; may be the same file");
    v.field("ocsp", c.ocsp, "file with an OCSP response in DER format, which is sent with the certificate");
}

template <class V> void visit(V& v, Of<ListenerTls> auto& t) {
    v.list("certificates", t.certificates, "selected by SNI; the first is the default");
    v.field("min_version", t.min_version, "oldest TLS version accepted");
    v.field("ciphers", t.ciphers, "intermediate, modern (TLS 1.3 only), or an OpenSSL cipher list for TLS 1.2");
    v.field("client_ca", t.client_ca,
            "PEM file with the authorities of client certificates; default: none are requested");
    v.field("client_auth", t.client_auth,
            "require: every client needs a valid certificate; request: clients without one are served, too");
    v.field("session_ticket_keys", t.session_ticket_keys,
            "file with the keys of session tickets, shared by a fleet; default: random keys, rotated every 12 hours");
}

template <class V> void visit(V& v, Of<BackendTls> auto& t) {
    v.field("verify", t.verify, "refuse backends whose certificate is not valid for their name");
    v.field("server_name", t.server_name,
            "name in the backends' certificates, also sent as SNI; default: each backend's host name or IP address");
    v.field("ca", t.ca, "PEM file with the trusted authorities; default: the system's");
    v.field("cert", t.cert, "PEM file with a client certificate and its chain");
    v.field("key", t.key, "PEM file with the private key of `cert`");
}

template <class V> void visit(V& v, Of<Listener> auto& l) {
    v.required("address", l.address, "IP:port to listen on");
    v.field("protocol", l.protocol, "protocol of the clients");
    v.field("pool", l.pool, "pool for requests that match no route");
    v.list("trusted_proxies", l.trusted_proxies, "address blocks whose X-Forwarded-* headers are trusted");
    v.field("accept_proxy_protocol", l.accept_proxy_protocol,
            "require a PROXY header from one of trusted_proxies on every connection; close other connections");
    v.optional("tls", l.tls, "terminates TLS; without it, the listener is plain text");
    v.pairs("routes_by_sni", l.routes_by_sni,
            "with protocol: tcp: pools by the name that TLS clients request; TLS is passed through unopened");
    v.field("redirect_https", l.redirect_https, "on a plain listener: redirect to https, except ACME challenges");
    v.field(
        "path_normalization", l.path_normalization,
        "strict; keep_encoded_slashes: accept encoded slashes and backslashes; none: match and forward as received");
    v.field("request_id", l.request_id, "gives each request an X-Request-Id, unless a trusted proxy has done so");
    v.field("traceparent", l.traceparent,
            "starts a trace (W3C Trace Context) for each request that has no traceparent");
    v.field("http2", l.http2, "accept HTTP/2: by ALPN with tls (the default there), otherwise with prior knowledge");
}

template <class V> void visit(V& v, Of<Backend> auto& b) {
    v.field("name", b.name, "unique in its pool; default: the address");
    v.required("address", b.address, "IP:port or name:port; a name adds a backend for each of its addresses");
    v.whole("weight", b.weight, 1, 256, "share of the traffic");
    v.field("state", b.state, "a backend in drain or maint gets no new requests");
    v.whole("max_connections", b.max_connections, 0, 1'000'000,
            "limit of concurrent requests or TCP connections; 0: no limit");
    v.field("backup", b.backup, "gets traffic only when no other backend is healthy");
    v.whole("health_check_port", b.health_check_port, 0, 65535,
            "port to probe; 0: the port of the pool's health_check");
}

template <class V> void visit(V& v, Of<HealthCheck> auto& h) {
    v.field("type", h.type, "http: a request; grpc: a call; tcp: a connection; heartbeat: send `heartbeat`, get `OK`");
    v.field("method", h.method, "method of the request");
    v.field("path", h.path, "path of the request");
    v.field("host", h.host, "Host of the request; default: the backend's name or address as in this file");
    v.pairs("headers", h.headers, "additional request headers");
    v.field("expect_body", h.expect_body, "text that the response body must contain");
    v.list("expect_status", h.expect_status, "statuses that pass, such as 200-399");
    v.field("interval", h.interval, "time between the starts of two probes");
    v.field("timeout", h.timeout, "a probe that takes longer has failed");
    v.whole("fall", h.fall, 1, 1000, "failed probes in a row that eject a backend");
    v.whole("rise", h.rise, 1, 1000, "passed probes in a row that bring it back");
    v.field("service", h.service, "with grpc: the service whose health is asked for; default: the server's");
    v.whole("port", h.port, 0, 65535, "port to probe; 0: the backend's own");
    v.field("tls", h.tls, "with TLS to the backends: whether the probes use it, too");
    v.field("mode", h.mode,
            "with heartbeat: pull queries each backend; push waits for the heartbeats that backends send");
    v.field("token_file", h.token_file, "with push: file whose first line is the token that signs heartbeats");
}

template <class V> void visit(V& v, Of<Keepalive> auto& k) {
    v.whole("max_idle", k.max_idle, 0, 100000, "idle connections kept to each backend by each worker");
    v.field("idle_timeout", k.idle_timeout, "how long an idle connection is kept");
}

template <class V> void visit(V& v, Of<Hash> auto& h) {
    v.field("on", h.on, "what is hashed to choose a backend");
    v.field("name", h.name, "name of the header or cookie");
}

template <class V> void visit(V& v, Of<Sticky> auto& s) {
    v.field("cookie", s.cookie, "the cookie's name");
    v.field("ttl", s.ttl, "lifetime of the cookie; 0s: until the browser is closed");
}

template <class V> void visit(V& v, Of<Queue> auto& q) {
    v.whole("max", q.max, 1, 1'000'000, "maximum number of requests that wait for a free backend");
    v.field("timeout", q.timeout, "how long a request waits before it gets a 503");
}

template <class V> void visit(V& v, Of<OutlierEjection> auto& o) {
    v.whole("consecutive_errors", o.consecutive_errors, 1, 1000, "failed requests in a row that eject a backend");
    v.field("base_time", o.base_time, "duration of the first ejection; the second lasts twice as long, and so on");
    v.field("max_ejected", o.max_ejected, "maximum share of the pool's backends that are ejected at a time");
}

template <class V> void visit(V& v, Of<Pool> auto& p) {
    v.field("algorithm", p.algorithm, "balancing algorithm");
    v.object("hash", p.hash, "with algorithm hash: what is hashed");
    v.optional("sticky", p.sticky, "a cookie that keeps a client with its backend");
    v.list("backends", p.backends, "servers, each \"IP:port\" or a mapping");
    v.optional("queue", p.queue,
               "requests wait while every backend is at max_connections; without a queue they get a 503");
    v.optional("health_check", p.health_check, "without a health check, every backend counts as healthy");
    v.optional("outlier_ejection", p.outlier_ejection,
               "ejects backends that fail live requests, even if their probes pass");
    v.field("panic_threshold", p.panic_threshold,
            "if a smaller share of the backends is healthy, all backends are used; 0%: never");
    v.field("close_after", p.close_after,
            "how long connections may continue after their backend, route or listener is removed; default: until "
            "they end");
    v.field("slow_start", p.slow_start,
            "how long a new or recovered backend takes to reach its full share of the traffic");
    v.object("keepalive", p.keepalive, "idle connections to the backends");
    v.object("timeouts", p.timeouts, "override the global timeouts");
    v.field("send_proxy_protocol", p.send_proxy_protocol,
            "version of the PROXY header sent to the backends; each request then has its own connection");
    v.field("on_down", p.on_down, "TCP connections to a backend that goes down: keep them, or close them at once");
    v.field("resolve_every", p.resolve_every, "how often the host names of backends are resolved; default: 30s");
    v.field("protocol", p.protocol,
            "HTTP version of requests to the backends; auto: HTTP/2 with the backends that choose it by ALPN");
    v.optional("tls", p.tls, "connects to the backends with TLS; {}: with the defaults");
    v.pairs("error_pages", p.error_pages, "like those of a route, for statuses for which the route has no page");
}

template <class V> void visit(V& v, Of<Timeouts> auto& t) {
    v.field("client_header", t.client_header, "how long a client may take to send a whole request head");
    v.field("client_idle", t.client_idle, "how long a client may be silent between requests or within a body");
    v.field("connect", t.connect, "how long connecting to a backend may take");
    v.field("response", t.response, "how long a backend may be silent before its response begins");
    v.field("stream_idle", t.stream_idle, "how long a backend may be silent once its response has begun");
    v.field("tunnel", t.tunnel, "how long a tunnel or TCP connection may be idle");
}

template <class V> void visit(V& v, Of<Limits> auto& l) {
    v.field("header_size", l.header_size, "maximum size of a head, from 1KiB to 256KiB");
    v.whole("header_count", l.header_count, 1, 1000, "maximum number of header fields");
    v.field("body_size", l.body_size, "maximum size of a request body; 0: no limit");
    v.field("buffered_bodies", l.buffered_bodies,
            "maximum size of all request bodies that are buffered at a time, in memory and on disk");
    v.whole("handshakes", l.handshakes, 1, 1'000'000, "maximum number of concurrent TLS handshakes with clients");
    v.whole("streams", l.streams, 1, 10'000, "maximum number of concurrent requests of one HTTP/2 connection");
}

template <class V> void visit(V& v, Of<Retries> auto& r) {
    v.whole("attempts", r.attempts, 1, max_attempts, "maximum number of backends tried for one request");
    v.field("budget", r.budget, "maximum number of retries, as a share of the requests and TCP connections");
}

template <class V> void visit(V& v, Of<Process> auto& p) {
    v.field("workers", p.workers, "worker threads; auto: one per core");
    v.whole("max_connections", p.max_connections, 1, 10'000'000, "limit of concurrent client connections");
    v.field("drain_timeout", p.drain_timeout, "how long a graceful stop waits for requests in flight");
    v.field("state_dir", p.state_dir, "directory for weir's own state");
}

template <class V> void visit(V& v, Of<AdminTls> auto& t) {
    v.required("cert", t.cert, "PEM file with the certificate, then the intermediate certificates");
    v.required("key", t.key, "PEM file with the private key; may be the same file");
}

template <class V> void visit(V& v, Of<Admin> auto& a) {
    v.field("address", a.address, "IP:port or unix:/path of the admin API");
    v.field("token_file", a.token_file, "file with the token that the admin API requires");
    v.field("read_token_file", a.read_token_file, "file with a token for read-only access to status and metrics");
    v.list("hosts", a.hosts, "host names that the admin API accepts in requests, besides its addresses");
    v.optional("tls", a.tls, "serves the admin API over TLS");
    v.unsupported("dashboard");
}

template <class V> void visit(V& v, Of<AccessLog> auto& a) {
    v.field("output", a.output, "stdout, stderr, none, or a file's absolute path");
    v.field("format", a.format, "format of a line");
}

template <class V> void visit(V& v, Of<Logging> auto& l) {
    v.field("level", l.level, "minimum level that is logged");
    v.field("format", l.format, "format of a line");
    v.object("access", l.access, "access log: one line per request");
}

template <class V> void visit(V& v, Of<RedisServer> auto& s) {
    v.required("url", s.url, "redis://HOST:PORT/DB, rediss:// for TLS, or sentinel://HOST:PORT/MASTER");
    v.field("username", s.username, "for AUTH");
    v.field("password", s.password, "for AUTH; write ${NAME} to take it from the environment");
    v.field("sentinel_username", s.sentinel_username, "with sentinel://: for AUTH at the Sentinel itself");
    v.field("sentinel_password", s.sentinel_password, "with sentinel://: for AUTH at the Sentinel itself");
    v.field("ca", s.ca, "with rediss://: file with the trusted certificates; default: the system's");
}

template <class V> void visit(V& v, Of<LockSettings> auto& l) {
    v.field("type", l.type,
            "local: this machine only; redis: one Redis server; redlock: a majority of 3 or 5 Redis servers");
    v.field("fleet", l.fleet, "name of the fleet whose machines reload one at a time");
    v.field("member", l.member, "this machine's name in the fleet; default: its host name");
    v.whole("replicas", l.replicas, 0, 100, "replicas that must confirm a lease (type: redis)");
    v.field(
        "parallel", l.parallel,
        "how many machines reload at a time after the first has passed its canary window: a number, or a share of all");
    v.field("ttl", l.ttl, "lifetime of a lease without renewal, at least 1s");
    v.field("wait", l.wait, "how long a reload waits for the lock");
    v.field("on_unavailable", l.on_unavailable, "what a reload does when the lock server cannot be reached");
    v.list("servers", l.servers, "Redis servers");
}

template <class V> void visit(V& v, Of<Rollback> auto& r) {
    v.field("window", r.window, "length of the canary window after a change");
    v.field("if_healthy_below", r.if_healthy_below, "roll back if a smaller share of a pool's backends is healthy");
    v.field("if_error_rate_above", r.if_error_rate_above,
            "roll back if the share of a pool's requests that fail rises by more than this");
}

template <class V> void visit(V& v, Of<Reload> auto& r) {
    v.field("watch", r.watch, "reload automatically when a file changes");
    v.field("source", r.source,
            "file: this file; fleet: the configuration pushed with `weir fleet push`; this file until one is pushed");
    v.optional("rollback", r.rollback, "when a change is rolled back automatically");
    v.object("lock", r.lock, "lock that a reload holds");
}

template <class V> void visit(V& v, Of<Config> auto& c) {
    v.named("listeners", c.listeners, "sockets that clients connect to");
    v.list("routes", c.routes, "first match wins, in this order");
    v.named("pools", c.pools, "groups of backends");
    v.object("timeouts", c.timeouts, "how long weir waits for clients and backends");
    v.object("limits", c.limits, "maximum sizes of a request");
    v.object("retries", c.retries, "how failed requests are retried on other backends");
    v.object("process", c.process, "fixed while weir runs: changing it needs a restart");
    v.object("admin", c.admin, "the admin API; fixed while weir runs");
    v.object("logging", c.logging, "error log and access log");
    v.object("reload", c.reload, "how the configuration changes");
}

} // namespace weir::conf
