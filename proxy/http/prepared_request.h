// A request prepared for the pool that serves it: its head as the backend gets it, its timeouts and its affinity.
//
// A reload may replace the pool while the request is queued. All of this is then prepared again.
//
// Thread: one worker's thread.
// Lifetime: lives in its exchange; the constructor's arguments must outlive it.
#pragma once

#include "proxy/http/auth_fields.h"
#include "proxy/http/client_affinity.h"
#include "proxy/http/incoming_request.h"
#include "proxy/http/request_ids.h"
#include "proxy/log/access_line.h"

#include <optional>
#include <string>

namespace weir::proxy::http {

// Returns true if a connection to a backend of this pool may carry requests of several clients. A connection that
// begins with a client's PROXY header may not.
inline bool may_share_connections(const PoolSpec& pool) {
    return pool.config.send_proxy_protocol == conf::ProxyProtocol::none;
}

// Returns the Host for a member of a pool whose backends get their own.
std::string host_of_member(const PoolSpec& pool, std::size_t member);

// Writes the PROXY header of a pool that has one, unless it comes before a TLS handshake (backend_connector.h).
void write_proxy_header(Buffer& out, const Client& client, const conf::Address& address, const PoolSpec& pool);

class PreparedRequest {
public:
    // `record` is the log record of the request.
    PreparedRequest(Client& client, const IncomingRequest& incoming, const RequestIds& ids,
                    const log::AccessRecord& record)
        : client_(client), incoming_(incoming), ids_(ids), record_(record) {}

    // Prepares the request for the selection's pool. `head` is at the front of the client's buffer. If the route has
    // forward_auth, take_fields() completes this.
    void prepare(const RequestHead& head, BackendSelection& selection);
    // Completes the request with the fields that the authentication service has set.
    void take_fields(CopiedFields fields, BackendSelection& selection);
    // Prepares the request again after the selection has moved to another pool.
    void prepare_again(BackendSelection& selection);
    // The body is stored, and has this size: the backend gets it with its length.
    void use_stored_body(std::uint64_t size, const BackendSelection& selection);
    // Completes the request for the member of the pool that has just been chosen.
    void choose(std::size_t member, const BackendSelection& selection);

    // Writes the head of a copy of the request for a member of another pool, whose body has this framing. Returns false
    // if that is impossible, which it never is in practice.
    bool write_copy(Buffer& out, const PoolSpec& pool, std::size_t member, const Framing& framing) const;

    const conf::Timeouts& timeouts() const { return timeouts_; }
    std::string_view cookie() const { return affinity_.cookie(); } // value of Set-Cookie; empty if none is to be set
    // Returns what happens to the paths in the response; nothing unless the route asks for it.
    std::optional<ResponseMapping> response_mapping() const;
    Buffer& head() { return head_; }

private:
    void prepare_for_pool(const RequestHead& head, BackendSelection& selection);
    // How a head is written.
    struct Form {
        const PoolSpec& pool;
        std::string_view backends_host{}; // the Host to send, unless the route has its own; empty: the client's
        Framing framing{};
        std::string_view upgrade{};
        ExpectField expect = ExpectField::forwarded;
    };
    void write_head(const RequestHead& head, const PoolSpec& pool, std::string_view backends_host = {});
    // Returns the hash of a header that the authentication service has set; unset if it has not.
    std::optional<std::uint64_t> copied_key(const std::string& name) const;
    // Returns the Host that the head has.
    std::string_view write(Buffer& out, const RequestHead& head, const Form& form) const;

    Client& client_;
    const IncomingRequest& incoming_;
    const RequestIds& ids_;
    const log::AccessRecord& record_;
    conf::Timeouts timeouts_;
    ClientAffinity affinity_;
    std::optional<std::uint64_t> stored_size_; // of the body, if it is stored
    Buffer head_;                              // as it is sent to the backend
    std::string backend_address_;              // of the chosen member, as configured, if it is needed
    ResponseOrigins origins_;                  // if paths are mapped back
    CopiedFields copied_;                      // those of the authentication service, if the route asks one
    bool gets_backends_host_ = false;          // a route asks for it, or an HTTP/1.0 request has come without a Host
};

} // namespace weir::proxy::http
