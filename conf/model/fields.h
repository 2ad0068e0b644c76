// The keys of every section, defined once. Reading a file, describing a configuration for a plan, and the JSON Schema
// are visitors of these functions. A new key needs a member in config.h and a line here.
//
// A visitor has the functions field (a scalar with a default), required (a scalar without a default), whole (a number
// with bounds), list, pairs (name to text), object, optional (an object that may be missing), named (name to object),
// and unsupported (a reserved key that weir does not support yet).
//
// Thread: pure functions.
// Lifetime: a visitor must not keep references longer than the value that it visits.
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

template <class V> void visit(V& v, Of<Listener> auto& l) {
    v.required("address", l.address, "IP:port to listen on");
    v.field("protocol", l.protocol, "what the clients speak");
    v.field("pool", l.pool, "the pool that serves what no route matches");
    v.list("trusted_proxies", l.trusted_proxies, "blocks of addresses whose X-Forwarded-* headers are believed");
    v.field("accept_proxy_protocol", l.accept_proxy_protocol,
            "every connection begins with a PROXY header, sent by one of trusted_proxies; others are closed");
    v.unsupported("tls");
}

template <class V> void visit(V& v, Of<Match> auto& m) {
    v.list("hosts", m.hosts, "exact host names, or *.example.com for every name below it");
    v.field("path_prefix", m.path_prefix, "the beginning of the path");
    v.list("listeners", m.listeners, "names of the listeners this route belongs to; all where empty");
}

template <class V> void visit(V& v, Of<HeaderEdit> auto& h) {
    v.pairs("set", h.set, "headers to set, replacing what the client sent");
    v.list("remove", h.remove, "headers to remove");
}

template <class V> void visit(V& v, Of<Route> auto& r) {
    v.field("name", r.name, "shown in plans; the route's position where missing");
    v.object("match", r.match, "every condition given must hold");
    v.required("pool", r.pool, "the pool that serves it");
    v.object("request_headers", r.request_headers, "changes to the request's headers");
    v.object("timeouts", r.timeouts, "instead of the pool's and the global ones");
}

template <class V> void visit(V& v, Of<Backend> auto& b) {
    v.field("name", b.name, "unique in its pool; the address where missing");
    v.required("address", b.address, "IP:port or name:port; a name stands for every address that it has");
    v.whole("weight", b.weight, 1, 256, "share of the traffic");
    v.field("state", b.state, "drain and maint get no new requests");
    v.whole("max_connections", b.max_connections, 0, 1'000'000, "requests or TCP connections at a time; 0: no limit");
    v.field("backup", b.backup, "gets traffic only when no other backend is healthy");
    v.whole("health_check_port", b.health_check_port, 0, 65535, "port to probe; 0: the one of the pool's health_check");
}

template <class V> void visit(V& v, Of<HealthCheck> auto& h) {
    v.field("type", h.type, "http: a request; tcp: a connection; heartbeat: send `heartbeat`, expect `OK`");
    v.field("method", h.method, "method of the request");
    v.field("path", h.path, "path of the request");
    v.field("host", h.host, "Host of the request; the backend's name or address as written in this file if missing");
    v.pairs("headers", h.headers, "further headers of the request");
    v.field("expect_body", h.expect_body, "text that the body of the response must contain");
    v.list("expect_status", h.expect_status, "statuses that pass, such as 200-399");
    v.field("interval", h.interval, "time between the starts of two probes");
    v.field("timeout", h.timeout, "a probe that takes longer has failed");
    v.whole("fall", h.fall, 1, 1000, "failed probes in a row that eject a backend");
    v.whole("rise", h.rise, 1, 1000, "passed probes in a row that bring it back");
    v.whole("port", h.port, 0, 65535, "port to probe; 0: the backend's own");
    v.field("mode", h.mode, "with heartbeat: pull asks each backend; push waits for the beats that backends send");
    v.field("token_file", h.token_file, "with push: the file whose first line signs the beats");
}

template <class V> void visit(V& v, Of<Keepalive> auto& k) {
    v.whole("max_idle", k.max_idle, 0, 100000, "idle connections kept to each backend by each worker");
    v.field("idle_timeout", k.idle_timeout, "how long one is kept");
}

template <class V> void visit(V& v, Of<Hash> auto& h) {
    v.field("on", h.on, "what ties a client to a backend");
    v.field("name", h.name, "of the header or cookie");
}

template <class V> void visit(V& v, Of<Sticky> auto& s) {
    v.field("cookie", s.cookie, "the cookie's name");
    v.field("ttl", s.ttl, "how long a client is remembered; 0s: as long as its browser runs");
}

template <class V> void visit(V& v, Of<Queue> auto& q) {
    v.whole("max", q.max, 1, 1'000'000, "the most requests that wait for a free backend");
    v.field("timeout", q.timeout, "how long one waits before it is answered with 503");
}

template <class V> void visit(V& v, Of<OutlierEjection> auto& o) {
    v.whole("consecutive_errors", o.consecutive_errors, 1, 1000, "failed requests in a row that eject a backend");
    v.field("base_time", o.base_time, "how long it is out the first time; twice that the second time, and so on");
    v.field("max_ejected", o.max_ejected, "the most backends of the pool that are out at a time");
}

template <class V> void visit(V& v, Of<Pool> auto& p) {
    v.field("algorithm", p.algorithm, "how a backend is chosen");
    v.object("hash", p.hash, "with algorithm hash: what it goes by");
    v.optional("sticky", p.sticky, "a cookie that keeps a client with its backend");
    v.list("backends", p.backends, "servers, each \"IP:port\" or a mapping");
    v.optional("queue", p.queue, "requests wait while every backend has its max_connections; without one they get 503");
    v.optional("health_check", p.health_check, "without one, every backend counts as healthy");
    v.optional("outlier_ejection", p.outlier_ejection, "ejects backends that fail requests, whatever their probes say");
    v.field("panic_threshold", p.panic_threshold, "the healthy share under which all backends are used; 0%: never");
    v.field("close_after", p.close_after,
            "how long connections to a backend, or by a route or listener, that leaves may go on; without it, until "
            "they are done");
    v.field("slow_start", p.slow_start, "how long a backend that is new or comes back takes to get its whole share");
    v.object("keepalive", p.keepalive, "idle connections to the backends");
    v.object("timeouts", p.timeouts, "instead of the global ones");
    v.field("send_proxy_protocol", p.send_proxy_protocol,
            "the PROXY header that connections to the backends begin with; each request has its own connection then");
    v.field("on_down", p.on_down, "TCP connections to a backend that goes down: keep them, or close them at once");
    v.field("resolve_every", p.resolve_every,
            "how often the names among the backends are looked up; 30s where missing");
    v.unsupported("tls");
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
    v.field("header_size", l.header_size, "the largest head, from 1KiB to 256KiB");
    v.whole("header_count", l.header_count, 1, 1000, "the most header fields");
    v.field("body_size", l.body_size, "the largest request body; 0: no limit");
}

template <class V> void visit(V& v, Of<Retries> auto& r) {
    v.whole("attempts", r.attempts, 1, most_attempts, "backends that one request may be tried on");
    v.field("budget", r.budget, "the most retries, as a share of the requests");
}

template <class V> void visit(V& v, Of<Process> auto& p) {
    v.field("workers", p.workers, "threads that carry traffic; auto: one for each core");
    v.whole("max_connections", p.max_connections, 1, 10'000'000, "client connections at a time");
    v.field("drain_timeout", p.drain_timeout, "how long a graceful stop waits for requests in flight");
    v.field("state_dir", p.state_dir, "directory of weir's own state");
}

template <class V> void visit(V& v, Of<Admin> auto& a) {
    v.field("address", a.address, "IP:port or unix:/path of the admin API");
    v.field("token_file", a.token_file, "file with the token that the admin API asks for");
    v.field("read_token_file", a.read_token_file,
            "file with a token that may read status and metrics, and change nothing");
    v.list("hosts", a.hosts, "host names by which clients may address the admin API, beside its addresses");
    v.unsupported("dashboard");
}

template <class V> void visit(V& v, Of<AccessLog> auto& a) {
    v.field("output", a.output, "stdout, stderr, none, or a file's absolute path");
    v.field("format", a.format, "how a line looks");
}

template <class V> void visit(V& v, Of<Logging> auto& l) {
    v.field("level", l.level, "the least that is logged");
    v.field("format", l.format, "how a line looks");
    v.object("access", l.access, "a line for each request");
}

template <class V> void visit(V& v, Of<RedisServer> auto& s) {
    v.required("url", s.url, "redis://HOST:PORT/DB, rediss:// for TLS, or sentinel://HOST:PORT/MASTER");
    v.field("username", s.username, "for AUTH");
    v.field("password", s.password, "for AUTH; write ${NAME} to take it from the environment");
    v.field("sentinel_username", s.sentinel_username, "with sentinel://: for AUTH at the Sentinel itself");
    v.field("sentinel_password", s.sentinel_password, "with sentinel://: for AUTH at the Sentinel itself");
    v.field("ca", s.ca, "with rediss://: a file of the certificates to trust; the system's where missing");
}

template <class V> void visit(V& v, Of<LockSettings> auto& l) {
    v.field("type", l.type,
            "local: this machine alone; redis: all that share the server; redlock: a majority of 3 or 5 servers");
    v.field("fleet", l.fleet, "name of the fleet whose machines change one at a time");
    v.field("member", l.member, "this machine's name in the fleet; its host name where missing");
    v.whole("replicas", l.replicas, 0, 100, "replicas that must have taken a lease before it counts (redis)");
    v.field("parallel", l.parallel,
            "how many machines change at a time once the first has stood its window: a number, or a share of all");
    v.field("ttl", l.ttl, "how long a lease lives without renewal, at least 1s");
    v.field("wait", l.wait, "how long a reload waits for the lock");
    v.field("on_unavailable", l.on_unavailable, "what a reload does when the lock server cannot be reached");
    v.list("servers", l.servers, "Redis servers");
}

template <class V> void visit(V& v, Of<Rollback> auto& r) {
    v.field("window", r.window, "how long a change is watched");
    v.field("if_healthy_below", r.if_healthy_below, "the healthy share of a pool under which it is taken back");
    v.field("if_error_rate_above", r.if_error_rate_above,
            "the share of a pool's requests that fail, beyond what failed before, over which it is taken back");
}

template <class V> void visit(V& v, Of<Reload> auto& r) {
    v.field("watch", r.watch, "reload by itself when a file changes");
    v.field("source", r.source,
            "file: this file; fleet: what `weir fleet push` gave to the fleet, and this file until there is any");
    v.optional("rollback", r.rollback, "taking back a change that makes things worse");
    v.object("lock", r.lock, "what a reload runs under");
}

template <class V> void visit(V& v, Of<Config> auto& c) {
    v.named("listeners", c.listeners, "sockets that clients connect to");
    v.list("routes", c.routes, "first match wins, in this order");
    v.named("pools", c.pools, "groups of backends");
    v.object("timeouts", c.timeouts, "how long weir waits for others");
    v.object("limits", c.limits, "how large a request may be");
    v.object("retries", c.retries, "trying a request on another backend");
    v.object("process", c.process, "fixed while weir runs: changing it needs a restart");
    v.object("admin", c.admin, "the admin API; fixed while weir runs");
    v.object("logging", c.logging, "what weir writes");
    v.object("reload", c.reload, "how the configuration changes");
}

} // namespace weir::conf
