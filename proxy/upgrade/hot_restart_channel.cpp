#include "proxy/upgrade/hot_restart_channel.h"

#include "base/use_nothrow_awaitable.h"
#include "proxy/upgrade/hot_restart_message.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdlib>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr timeval receive_timeout{10, 0}; // for the old process, which sends everything at once

} // namespace

Result<HotRestartChannel> HotRestartChannel::from_environment() {
    if (!std::getenv(handover_variable)) return HotRestartChannel();
    ::unsetenv(handover_variable);
    if (::setsockopt(handover_descriptor, SOL_SOCKET, SO_RCVTIMEO, &receive_timeout, sizeof receive_timeout) != 0)
        return Error(std::string(handover_variable) + " is set, but nothing was handed over; unset it");
    ::fcntl(handover_descriptor, F_SETFD, FD_CLOEXEC);
    return HotRestartChannel(UniqueFd(handover_descriptor));
}

Result<HotRestartState> HotRestartChannel::receive() {
    HotRestartState state;
    for (;;) {
        auto message = receive_message(end_.get());
        if (!message) return message.error();
        if (message->text == "end") return state;
        if (const auto taken = take_message(*std::move(message), state); !taken) return taken.error();
    }
}

void HotRestartChannel::send_ready(const std::vector<std::string>& unused) {
    // A message that cannot be sent is no error here: without "ready", the old process continues and ends this one.
    for (const auto& name : unused) static_cast<void>(send_message(end_.get(), {"unused " + name}));
    static_cast<void>(send_message(end_.get(), {"ready"}));
}

asio::awaitable<TakeoverDecision> HotRestartChannel::wait_for_decision(asio::io_context& control) {
    asio::posix::stream_descriptor channel(control, end_.release());
    char answer[16];
    const auto [error, size] = co_await channel.async_read_some(asio::buffer(answer), use_nothrow_awaitable);
    const bool refused = !error && std::string_view(answer, size) == "no";
    end_.reset(channel.release());
    co_return refused ? TakeoverDecision::no : TakeoverDecision::go;
}

} // namespace weir::proxy
