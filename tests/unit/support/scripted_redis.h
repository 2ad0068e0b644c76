// A server that speaks the Redis protocol and replies as a test tells it to, on a loopback port, in the test's own
// io_context.
//
// Thread: the io_context's.
// Lifetime: the io_context must outlive it; call `close` before the end, and let what follows from it happen.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test {

class ScriptedRedis {
public:
    using Words = std::vector<std::string>;

    explicit ScriptedRedis(boost::asio::io_context& context);

    std::string url() const;
    // Replies with `reply` (text_reply, …) to each command that contains this text; a later setting replaces an earlier
    // one. Other commands get an empty list.
    void set_reply(const std::string& text, std::string reply);
    // Whether it replies. If not, its connections stay open, and it reads commands.
    void set_replies(bool on) { replies_on_ = on; }
    // The commands received so far that contain this text.
    std::vector<Words> received(std::string_view text) const;
    std::size_t count(std::string_view text) const { return received(text).size(); }
    // Stops listening and closes all connections.
    void close();

private:
    using Socket = boost::asio::ip::tcp::socket;

    boost::asio::awaitable<void> accept();
    boost::asio::awaitable<void> serve(std::shared_ptr<Socket> socket);
    std::string reply_to(const Words& words) const;

    boost::asio::ip::tcp::acceptor acceptor_;
    std::vector<std::shared_ptr<Socket>> sockets_;
    std::vector<std::pair<std::string, std::string>> replies_;
    std::vector<Words> received_;
    bool replies_on_ = true;
};

// Replies in the Redis protocol.
std::string text_reply(std::string_view text);
std::string number_reply(std::int64_t number);
std::string list_reply(const std::vector<std::string>& replies);

} // namespace weir::test
