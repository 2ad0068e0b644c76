// The configuration as plain values, with all defaults filled in.
//
// Thread: values; share a `const Config` between threads, never a mutable one.
// Lifetime: owns all its data.
#pragma once

#include "conf/model/route.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::conf {

enum class Protocol { http, tcp };
enum class Algorithm { round_robin, least_connections, two_choices, random, hash };
enum class HashOn { source_ip, header, cookie, path };
enum class ProxyProtocol { none, v1, v2 };
enum class AdminState { ready, drain, maint };
enum class CheckType { http, tcp, heartbeat, grpc };
enum class CheckMode { pull, push };
enum class OnDown { keep, close };
// The protocol of HTTP requests to the backends of a pool. automatic: HTTP/2 where ALPN selects it.
enum class BackendProtocol { http1, http2, automatic };
enum class LogLevel { debug, info, warn, error };
enum class LogFormat { text, json };
enum class AccessFormat { combined, json };
enum class LockType { local, redis, redlock };
enum class ConfigSource { file, fleet };

enum class TlsVersion { tls1_2, tls1_3 };
enum class ClientAuth { request, require };
enum class PathNormalization { strict, keep_encoded_slashes, none };

// A certificate chain and its private key.
struct CertificateFiles {
    std::string cert, key;
    std::string ocsp; // a response of the authority's OCSP responder; empty: none is sent
    bool operator==(const CertificateFiles&) const = default;
};

struct ListenerTls {
    std::vector<CertificateFiles> certificates; // selected by SNI; the first is the default
    TlsVersion min_version = TlsVersion::tls1_2;
    std::string ciphers = "intermediate";  // intermediate | modern | an OpenSSL cipher list
    std::string client_ca;                 // the authorities of client certificates; empty: none are requested
    std::optional<ClientAuth> client_auth; // unset: require, with client_ca
    std::string session_ticket_keys;       // a file that a fleet shares; empty: random keys
    bool operator==(const ListenerTls&) const = default;
};

// TLS to the backends of a pool.
struct BackendTls {
    bool verify = true;
    std::string server_name; // empty: the host name or IP address of each backend
    std::string ca;          // empty: the authorities that the system trusts
    std::string cert, key;   // a client certificate; empty: none
    bool operator==(const BackendTls&) const = default;
};

struct Listener {
    std::string name;
    Address address;
    Protocol protocol = Protocol::http;
    std::string pool;
    std::vector<Cidr> trusted_proxies;
    // Whether every connection must begin with a PROXY header, which is accepted only from trusted_proxies.
    bool accept_proxy_protocol = false;
    std::optional<ListenerTls> tls;
    // With protocol: tcp and without tls: pools by the name in the ClientHello, which is passed on unopened.
    std::vector<std::pair<std::string, std::string>> routes_by_sni;
    bool redirect_https = false; // answer with a redirect to https, except ACME challenges
    PathNormalization path_normalization = PathNormalization::strict;
    bool request_id = false;   // give each request an X-Request-Id
    bool traceparent = false;  // begin a trace for a request that does not belong to one
    std::optional<bool> http2; // unset: as the listener has tls
    // Returns true if clients may speak HTTP/2: with tls by ALPN, without it with prior knowledge.
    bool speaks_http2() const { return protocol == Protocol::http && http2.value_or(tls.has_value()); }
    bool operator==(const Listener&) const = default;
};

struct Backend {
    std::string name; // if not configured: BackendAddress::default_name()
    BackendAddress address;
    std::uint32_t weight = 1;
    AdminState state = AdminState::ready;
    std::uint32_t max_connections = 0; // 0: no limit
    bool backup = false;
    std::uint32_t health_check_port = 0; // 0: the pool's health_check.port
    bool operator==(const Backend&) const = default;
};

struct StatusRange {
    std::uint16_t first = 200, last = 399;
    bool operator==(const StatusRange&) const = default;
};

struct HealthCheck {
    CheckType type = CheckType::http;
    CheckMode mode = CheckMode::pull; // push: the backends send heartbeats
    std::string token_file;           // push: the file with the token that signs heartbeats
    std::string method = "GET";
    std::string path = "/";
    std::string host; // empty: the backend's configured host name or address
    std::vector<std::pair<std::string, std::string>> headers;
    std::string expect_body; // text that the body must contain; empty: any body passes
    std::vector<StatusRange> expect_status{StatusRange{}};
    Duration interval{5000};
    Duration timeout{0}; // if not configured: 2s, or the interval if that is shorter
    std::uint32_t fall = 3, rise = 2;
    std::string service;    // grpc: the name that is asked for; empty: the server as a whole
    std::uint32_t port = 0; // 0: the port of the backend
    bool tls = true;        // with TLS to the backends: the check uses it, too
    bool operator==(const HealthCheck&) const = default;
};

struct Keepalive {
    std::uint32_t max_idle = 10000; // per worker and backend; an upper limit
    Duration idle_timeout{55000};
    bool operator==(const Keepalive&) const = default;
};

// The key of the `hash` algorithm.
struct Hash {
    HashOn on = HashOn::source_ip;
    std::string name; // of the header or cookie
    bool operator==(const Hash&) const = default;
};

struct Sticky {
    std::string cookie = "weir_backend";
    Duration ttl{0}; // 0: a session cookie
    bool operator==(const Sticky&) const = default;
};

struct Queue {
    std::uint32_t max = 1000;
    Duration timeout{5000};
    bool operator==(const Queue&) const = default;
};

struct OutlierEjection {
    std::uint32_t consecutive_errors = 5;
    Duration base_time{30000};
    Percent max_ejected{50};
    bool operator==(const OutlierEjection&) const = default;
};

inline constexpr Duration usual_resolve_every{30000};

struct Pool {
    std::string name;
    Algorithm algorithm = Algorithm::round_robin;
    Hash hash;
    std::optional<Sticky> sticky;
    std::vector<Backend> backends;
    std::optional<Queue> queue;
    std::optional<HealthCheck> health_check;
    std::optional<OutlierEjection> outlier_ejection;
    std::optional<Duration> close_after;   // for removed backends; unset: connections may continue until they end
    std::optional<Duration> resolve_every; // for host names among the backend addresses
    Percent panic_threshold{0};
    Duration slow_start{0};
    Keepalive keepalive;
    TimeoutOverrides timeouts;
    ProxyProtocol send_proxy_protocol = ProxyProtocol::none;
    std::optional<BackendTls> tls;
    BackendProtocol protocol = BackendProtocol::http1;
    OnDown on_down = OnDown::keep;
    ErrorPageFiles error_pages; // where the route has none
    bool operator==(const Pool&) const = default;
};

struct Timeouts {
    Duration client_header{10000}, client_idle{75000}, connect{3000}, response{60000}, stream_idle{300000},
        tunnel{3600000};
    bool operator==(const Timeouts&) const = default;
};

struct Limits {
    Size header_size{16 * 1024};
    std::uint32_t header_count = 100;
    Size body_size{0};                            // 0: no limit
    Size buffered_bodies{std::uint64_t{1} << 30}; // of all requests that routes buffer; what is on disk counts, too
    std::uint32_t handshakes = 1000;
    std::uint32_t streams = 100; // of one HTTP/2 connection
    bool operator==(const Limits&) const = default;
};

inline constexpr std::uint32_t max_attempts = 16;

struct Retries {
    std::uint32_t attempts = 2; // maximum number of backends tried for one request
    Percent budget{20};
    bool operator==(const Retries&) const = default;
};

struct Process {
    Workers workers; // 0: one per core
    std::uint32_t max_connections = 20000;
    Duration drain_timeout{30000};
    std::string state_dir = "/var/lib/weir";
    bool operator==(const Process&) const = default;
};

struct AdminTls {
    std::string cert, key;
    bool operator==(const AdminTls&) const = default;
};

struct Admin {
    std::optional<AdminAddress> address;
    std::string token_file;
    std::string read_token_file;    // the token in it permits only requests that change nothing
    std::vector<std::string> hosts; // accepted host names of requests
    std::optional<AdminTls> tls;    // unset: plain
    bool operator==(const Admin&) const = default;
};

struct AccessLog {
    std::string output = "stdout"; // stdout | stderr | none | a path
    AccessFormat format = AccessFormat::combined;
    bool operator==(const AccessLog&) const = default;
};

struct Logging {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::text;
    AccessLog access;
    bool operator==(const Logging&) const = default;
};

struct RedisServer {
    std::string url, username;
    Secret password;
    std::string sentinel_username;
    Secret sentinel_password;
    std::string ca; // CA certificates to verify a rediss:// server with; empty: those of the system
    bool operator==(const RedisServer&) const = default;
};

struct LockSettings {
    LockType type = LockType::local;
    std::string fleet = "default";
    std::string member; // name of this machine in the fleet; empty: its host name
    Duration ttl{15000}, wait{60000};
    Parallel parallel;          // machines that reload in parallel after the first has passed its canary window
    std::uint32_t replicas = 0; // replicas that must confirm a lease before it counts
    OnUnavailable on_unavailable = OnUnavailable::refuse;
    std::vector<RedisServer> servers;
    bool operator==(const LockSettings&) const = default;
};

// The conditions under which a change is rolled back automatically.
struct Rollback {
    Duration window{30000};
    Percent if_healthy_below{50};
    Percent if_error_rate_above{20};
    bool operator==(const Rollback&) const = default;
};

struct Reload {
    bool watch = true;
    ConfigSource source = ConfigSource::file;
    std::optional<Rollback> rollback;
    LockSettings lock;
    bool operator==(const Reload&) const = default;
};

struct Variable {
    std::string name, value;
    bool operator==(const Variable&) const = default;
};

// A value that contains environment variables. It may be a secret, so only `written` may be shown.
struct Substitution {
    std::string path;    // "routes[0].request_headers.set.Authorization"
    std::string written; // as in the file: "Bearer ${TOKEN}"
    std::string text;    // with the variables expanded
    std::vector<Variable> variables;
    bool operator==(const Substitution&) const = default;
};

struct Config {
    std::vector<Listener> listeners;
    std::vector<Route> routes;
    std::vector<Pool> pools;
    Timeouts timeouts;
    Limits limits;
    Retries retries;
    Process process;
    Admin admin;
    Logging logging;
    Reload reload;
    std::vector<Substitution> substitutions;
    bool operator==(const Config&) const = default;
};

} // namespace weir::conf
