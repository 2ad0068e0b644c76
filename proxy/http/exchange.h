// One request and its response: routed, sent to a backend, tried again where that is safe, relayed both ways at once.
//
//   decide ─→ choose a backend ─→ connect ─→ relay ─→ done
//                  ↑                 │ failed   │ failed before a byte of the answer went out
//                  └──── may_retry ──┴──────────┘
//
// Thread: one worker's thread.
// Lifetime: lives in its session's coroutine; the session outlives it.
#pragma once

#include "proxy/client_side.h"
#include "proxy/http/affinity.h"
#include "proxy/http/framing.h"
#include "proxy/http/rewrite.h"
#include "proxy/http/router.h"
#include "proxy/io/task.h"
#include "proxy/search.h"

#include <optional>

namespace weir::proxy::http {

// The facts of an exchange that the access log and the counters want.
struct ExchangeReport {
    std::string_view method, target, host, referer, user_agent; // in the client's buffer
    std::string_view pool, backend;
    int minor_version = 1;
    int status = 0; // 499: the client left before there was an answer
    std::uint64_t bytes_in = 0, bytes_out = 0;
    std::uint32_t retries = 0;
};

class Exchange {
public:
    // `head` is the request, at the front of the client's buffer.
    Exchange(ClientSide& client, const RequestHead& head);
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // Ends when the response has been handed to the kernel, or cannot be. Says what becomes of the connection.
    Task<Connection> run();

    const ExchangeReport& report() const { return report_; }
    bool came_by(const Way& way) const;

private:
    friend class Relay;

    // How one try on one backend ended.
    enum class Try { finished, failed, stopped, stale }; // stale: the kept connection was dead
    enum class Dial { kept_or_new, anew };

    int decide(const RequestHead& head);
    Task<Connection> answer(int status);
    Task<Connection> try_backends();
    Task<Turn> choose_another();
    Task<Try> try_backend(std::size_t member);
    Task<Try> try_connection(BackendLink& link, std::size_t member, Dial dial);
    Task<BackendConnectionPtr> obtain(BackendLink& link, Dial dial);
    Task<int> connect(BackendConnection& connection);
    Task<bool> pause();
    const PoolSpec& pool() const { return *search_.pool().spec; }
    bool may_share() const;
    bool may_try_again(FailedTry::Stage stage);
    void count_failure(BackendLink& link, std::size_t member, FailedTry::Stage stage);
    void note_switch();
    void find_affinity(const RequestHead& head);
    void keep_client_with(std::size_t member);

    ClientSide& client_;
    WorkerContext& context_;
    ViewPtr view_; // that the request was decided by
    ExchangeReport report_;
    Search search_;
    const conf::Listener* listener_ = nullptr; // these three are the view's
    const conf::Route* route_ = nullptr;       // null where the listener's own pool serves
    const conf::Timeouts* timeouts_ = nullptr;
    bool cookie_is_stale_ = false; // the one that the client has
    Scheme scheme_ = Scheme::http; // that the client uses, as far as it can be told
    std::string cookie_;           // to be set
    Framing framing_;
    AnswerTo answer_to_ = AnswerTo::other;
    Connection next_ = Connection::keep; // what the client is told
    bool idempotent_ = false;
    std::string_view upgrade_;            // the protocol asked for
    Buffer request_head_;                 // as the backend gets it
    bool reused_ = false;                 // the connection at hand has carried a request before
    int failure_ = 503;                   // what the client gets when no one is left to ask
    std::chrono::seconds retry_after_{0}; // told with it
};

} // namespace weir::proxy::http
