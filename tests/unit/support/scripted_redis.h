// A server that speaks the Redis protocol on a loopback port and sends the replies that a test sets. It runs in the
// test's own io_context.
//
// Thread: the io_context's.
// Lifetime: the io_context must outlive it. Call `close` before the end, and run the io_context once more.
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
    // Sets whether it replies. If not, it keeps its connections open and reads commands.
    void set_replies(bool on) { replies_on_ = on; }
    // Returns the commands received so far that contain this text.
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
