#include "tests/unit/support/scripted_redis.h"

#include "base/use_nothrow_awaitable.h"
#include "lock/redis/redis_reply.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <iterator>

namespace weir::test {

namespace asio = boost::asio;

namespace {

bool contains(const ScriptedRedis::Words& words, std::string_view text) {
    return std::any_of(words.begin(), words.end(), [&](const auto& w) { return w.find(text) != std::string::npos; });
}

} // namespace

ScriptedRedis::ScriptedRedis(asio::io_context& context)
    : acceptor_(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    asio::co_spawn(context, accept(), asio::detached);
}

std::string ScriptedRedis::url() const {
    return "redis://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
}

void ScriptedRedis::set_reply(const std::string& text, std::string reply) {
    std::erase_if(replies_, [&](const auto& known) { return known.first == text; });
    replies_.emplace_back(text, std::move(reply));
}

std::vector<ScriptedRedis::Words> ScriptedRedis::received(std::string_view text) const {
    std::vector<Words> found;
    std::copy_if(received_.begin(), received_.end(), std::back_inserter(found),
                 [&](const Words& words) { return contains(words, text); });
    return found;
}

void ScriptedRedis::close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (const auto& socket : sockets_) socket->close(ignored);
}

std::string ScriptedRedis::reply_to(const Words& words) const {
    for (const auto& [text, reply] : replies_)
        if (contains(words, text)) return reply;
    return list_reply({});
}

asio::awaitable<void> ScriptedRedis::accept() {
    while (acceptor_.is_open()) {
        auto [error, socket] = co_await acceptor_.async_accept(use_nothrow_awaitable);
        if (error) co_return;
        sockets_.push_back(std::make_shared<Socket>(std::move(socket)));
        asio::co_spawn(acceptor_.get_executor(), serve(sockets_.back()), asio::detached);
    }
}

// A command is a list of texts, which the reply reader can parse.
asio::awaitable<void> ScriptedRedis::serve(std::shared_ptr<Socket> socket) {
    lock::RedisReader reader;
    std::array<char, 16 * 1024> bytes;
    for (;;) {
        const auto [unread, size] = co_await socket->async_read_some(asio::buffer(bytes), use_nothrow_awaitable);
        if (unread) co_return;
        lock::RedisReply command;
        if (reader.feed({bytes.data(), size}, command) != lock::ReaderState::has_reply) continue;
        Words words;
        for (const auto& item : command.items) words.push_back(item.text);
        received_.push_back(words);
        if (!replies_on_) continue;
        const auto reply = reply_to(words);
        const auto [unsent, _] = co_await asio::async_write(*socket, asio::buffer(reply), use_nothrow_awaitable);
        if (unsent) co_return;
    }
}

std::string text_reply(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string number_reply(std::int64_t number) { return ":" + std::to_string(number) + "\r\n"; }

std::string list_reply(const std::vector<std::string>& replies) {
    auto out = "*" + std::to_string(replies.size()) + "\r\n";
    for (const auto& reply : replies) out += reply;
    return out;
}

} // namespace weir::test
