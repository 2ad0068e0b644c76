// Sends a backend's heartbeats to one weir over a persistent connection.
//
// Thread: the context's.
// Lifetime: the io_context and the options must outlive it.
#pragma once

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "health/beats/beat.h"
#include "proxy/cli/admin_client.h"
#include "proxy/cli/commands.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <string>

namespace weir::proxy::cli {

class BeatSender {
public:
    BeatSender(boost::asio::io_context& context, Endpoint endpoint, AdminTls tls, const BeatOptions& options,
               const std::string& token);

    // Sends one heartbeat. Fails if weir does not accept it within `time`.
    boost::asio::awaitable<Result<void>> send(std::chrono::milliseconds time);

    std::string to() const { return endpoint_.text(); }

private:
    boost::asio::awaitable<Result<void>> send_once(const Deadline<net::AsyncStream>& deadline);
    boost::asio::awaitable<Result<void>> connect(const Deadline<net::AsyncStream>& deadline);
    std::string make_body();
    Error take_refusal(unsigned status, const std::string& body);
    std::int64_t now_ms() const;
    Error fail(std::string reason); // closes the connection

    boost::asio::thread_pool lookups_{1}; // resolves names without blocking other senders
    net::AsyncStream stream_;
    const Endpoint endpoint_;
    const AdminTls tls_;
    const BeatOptions& options_;
    const health::BeatKey key_;
    boost::beast::flat_buffer buffer_;
    const Clock& clock_ = clock_of(stream_.get_executor());
    std::int64_t clock_ms_ = health::wall_ms(clock_); // at `began_`
    Clock::TimePoint began_ = clock_.now();
    std::uint64_t sequence_ = static_cast<std::uint64_t>(clock_ms_); // above the numbers of earlier runs
    bool retry_ = false;
};

} // namespace weir::proxy::cli
