// A request on an HTTP/2 connection: an exchange with a client of its own, whose stream is one of the connection's.
//
// Thread: one worker's thread.
// Lifetime: owns itself through its coroutine (spawn); the owner and the connection outlive it.
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/http2/server_connection.h"

#include <memory>

namespace weir::proxy::http {

class Http2Request;

// Keeps the requests of a connection.
class RequestOwner {
public:
    // The request has ended, and closed its stream. It is about to be freed.
    virtual void on_request_ended(Http2Request& request) = 0;

protected:
    ~RequestOwner() = default;
};

class Http2Request {
public:
    // `connection` is the client's connection.
    Http2Request(RequestOwner& owner, const Client& connection, http2::ArrivedRequest arrived);
    ~Http2Request();
    Http2Request(const Http2Request&) = delete;
    Http2Request& operator=(const Http2Request&) = delete;

    void* operator new(std::size_t bytes);
    void operator delete(void* block, std::size_t bytes) noexcept;

    Task<> run();
    // Ends the request now.
    void abort();
    bool uses_path(const TrafficPath& path) const { return exchange_ && exchange_->uses_path(path); }
    Activity activity() const { return exchange_ && exchange_->is_tunnel() ? Activity::tunnel : Activity::request; }

    Http2Request *previous = nullptr, *next = nullptr; // in the owner's list

private:
    HeadResult read_head();
    Task<> exchange();
    void refuse(const HeadResult& result);
    void record_refused(const HeadResult& result, const log::ByteCounts& sent);
    Task<> wait_until_sent();

    RequestOwner& owner_;
    http2::ServerStream& stream_;
    Client client_;
    http2::ArrivedRequest arrived_;
    const Exchange* exchange_ = nullptr; // while it runs
};

} // namespace weir::proxy::http
