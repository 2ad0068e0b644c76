// Sends a backend's beats to one weir, over a connection that is kept.
//
// Thread: the context's.
// Lifetime: the io_context and the options must outlive it.
#pragma once

#include "conf/address.h"
#include "health/beat.h"
#include "proxy/cli/commands.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <string>

namespace weir::proxy::cli {

class BeatSender {
public:
    BeatSender(boost::asio::io_context& context, conf::AdminAddress address, const BeatOptions& options,
               const std::string& token);

    // Whether it was taken, within `time`.
    boost::asio::awaitable<bool> send(std::chrono::milliseconds time);

    const std::string& why() const { return why_; } // it was not
    std::string to() const { return address_.text(); }

private:
    using Socket = boost::asio::generic::stream_protocol::socket;

    boost::asio::awaitable<bool> send_once();
    std::string make_body();
    void take_refusal(unsigned status, const std::string& body);
    std::int64_t now_ms() const;
    bool fail(std::string why);

    Socket socket_;
    const conf::AdminAddress address_;
    const BeatOptions& options_;
    const health::BeatKey key_;
    boost::beast::flat_buffer buffer_;
    std::int64_t clock_ms_ = health::wall_ms(); // as of `began_`
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    std::uint64_t sequence_ = static_cast<std::uint64_t>(clock_ms_); // above those of an earlier run
    std::string why_;
    bool retry_ = false;
};

} // namespace weir::proxy::cli
