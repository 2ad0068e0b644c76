// One request and its response: routes, selects a backend, retries if that is safe, and forwards both bodies at once.
//
//   decide ─→ select a backend ─→ connect ─→ forward ─→ done
//                  ↑                 │ failed   │ failed before a byte of the response was sent
//                  └──── may_retry ──┴──────────┘
//
// Thread: one worker's thread.
// Lifetime: lives in its session's coroutine; the session outlives it.
#pragma once

#include "conf/model/ip_text.h"
#include "proxy/http/affinity.h"
#include "proxy/http/retry.h"
#include "proxy/http/rewrite.h"
#include "proxy/http/router.h"
#include "proxy/http1/framing.h"
#include "proxy/io/task.h"
#include "proxy/worker/backend_selection.h"
#include "proxy/worker/client.h"

#include <optional>

namespace weir::proxy::http {

// What the access log and the counters need to know about an exchange.
struct ExchangeReport {
    std::string_view method, target, host, referer, user_agent; // in the client's buffer
    std::string_view route, pool, backend;
    int minor_version = 1;
    int status = 0; // 499: the client left before there was a response
    Failure failure;
    std::string offending; // the bytes that caused the failure, escaped
    std::uint64_t bytes_in = 0, bytes_out = 0;
    std::uint64_t body_bytes = 0; // part of bytes_out: without heads and framing
    std::optional<Clock::duration> connect, first_byte;
    std::uint32_t retries = 0;
};

class Exchange final : private PoolUser {
public:
    // `head` is the request, at the front of the client's buffer.
    Exchange(Client& client, const RequestHead& head);
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // Returns what to do with the client's connection, once the kernel has the response or the exchange has failed.
    Task<Connection> run();

    const ExchangeReport& report() const { return report_; }
    log::AccessRecord describe() const; // what is known so far
    TrafficStats& traffic() const { return *traffic_; }
    bool uses_path(const TrafficPath& path) const;
    bool is_tunnel() const { return tunnels_; }

private:
    friend class ForwardAttempt;

    // How one try on one backend ended.
    enum class Try { finished, failed, stopped, stale }; // stale: the pooled connection was dead
    enum class Dial { kept_or_new, new_connection };

    void find_client_address(const RequestHead& head);
    std::string_view client_ip() const { return client_ip_.view().empty() ? client_.ip : client_ip_.view(); }
    Failure decide(const RequestHead& head);
    void prepare(const RequestHead& head);
    void on_pool_changed() override;
    Task<Connection> answer(const Failure& failure);
    Task<Connection> try_backends();
    Task<Selection> choose_another();
    Task<Try> try_backend(std::size_t member);
    Task<Try> try_connection(BackendLink& link, std::size_t member, Dial dial);
    Task<BackendConnectionPtr> obtain(BackendLink& link, Dial dial);
    Task<Failure> connect(BackendConnection& connection);
    Failure client_left() const;
    Task<bool> pause();
    const PoolSpec& pool() const { return *selection_.pool().spec; }
    bool may_share() const;
    bool may_try_again(FailedTry::Stage stage);
    enum class Blame { backend, none };
    void count_retry(BackendLink& link) {
        ++report_.retries;
        context_.counters.retries.add();
        link.counters().retries.add();
    }
    void count_failure(BackendLink& link, std::size_t member, FailedTry::Stage stage, Blame blame);
    void note_switch();
    void write_head(const RequestHead& head, std::string_view backend_host = {});
    const RequestHead* read_head_again();
    void name_host(std::size_t member);
    void note_answer_begun(TimePoint asked);
    void find_affinity(const RequestHead& head);
    void keep_client_with(std::size_t member);

    Client& client_;
    WorkerContext& context_;
    WorkerViewPtr view_;                             // the view that the request was decided with
    const std::shared_ptr<const ListenerSpec> spec_; // the listener at that time
    TrafficStats* traffic_;                          // traffic of `spec_`
    const TimePoint began_;
    const Trust trust_;            // in what the peer says about the client
    conf::Address client_address_; // of this request: a proxy's connection carries requests of many clients
    conf::IpText client_ip_;       // the same as text, if a trusted proxy named the client; otherwise empty
    ExchangeReport report_;
    BackendSelection selection_;
    const conf::Listener* listener_ = nullptr; // points into the view, as does the route
    const conf::Route* route_ = nullptr;       // null if the listener's own pool serves the request
    conf::Timeouts timeouts_;
    std::string_view head_bytes_;  // the client's head, which stays at the front of its buffer
    bool cookie_is_stale_ = false; // refers to the cookie that the client sent
    Scheme scheme_ = Scheme::http; // the scheme that the client uses, as far as it is known
    std::string cookie_;           // to be set
    Framing framing_;
    AnswerTo answer_to_ = AnswerTo::other;
    Connection next_ = Connection::keep; // what the response says to the client
    bool idempotent_ = false;
    bool expects_continue_ = false;       // the client may wait for 100 before it sends the body
    bool tunnels_ = false;                // the protocol has been switched
    std::string_view upgrade_;            // the protocol that the client asks for
    Buffer request_head_;                 // as it is sent to the backend
    bool reused_ = false;                 // the current connection has carried a request before
    Failure failure_;                     // of the last try, or the reason why there was no try
    std::chrono::seconds retry_after_{0}; // sent with the error page
};

} // namespace weir::proxy::http
