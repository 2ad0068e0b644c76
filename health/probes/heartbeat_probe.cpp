#include "health/probes/heartbeat_probe.h"
#include "base/use_nothrow_awaitable.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <string_view>

namespace weir::health {

namespace asio = boost::asio;

asio::awaitable<ProbeResult> HeartbeatProbe::talk(net::AsyncStream& stream, const conf::Endpoint&) {
    constexpr std::string_view question = "heartbeat", answer = "OK";
    const auto [sent, _] = co_await asio::async_write(stream, asio::buffer(question), use_nothrow_awaitable);
    if (sent) co_return ProbeResult{ProbeOutcome::failed, "cannot send: " + sent.message()};
    std::array<char, 16> bytes{};
    std::size_t got = 0;
    while (got < answer.size()) {
        const auto [error, more] = co_await stream.async_read_some(asio::buffer(bytes.data() + got, bytes.size() - got),
                                                                   use_nothrow_awaitable);
        if (error) co_return ProbeResult{ProbeOutcome::failed, "no answer: " + error.message()};
        got += more;
    }
    const auto text = std::string_view(bytes.data(), got);
    const auto rest = text.substr(std::min(answer.size(), text.size()));
    if (!text.starts_with(answer) || rest.find_first_not_of("\r\n") != std::string_view::npos)
        co_return ProbeResult{ProbeOutcome::failed, "answered something other than OK"};
    co_return ProbeResult{ProbeOutcome::passed, "OK"};
}

} // namespace weir::health
