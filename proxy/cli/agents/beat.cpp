#include "base/timer.h"
#include "conf/model/redact.h"
#include "conf/read/token_file.h"
#include "proxy/cli/agents/beat_check.h"
#include "proxy/cli/agents/beat_sender.h"
#include "proxy/log/logger.h"
#include "proxy/process/exit_code.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <iostream>
#include <memory>

namespace weir::proxy::cli {

namespace asio = boost::asio;

namespace {

asio::awaitable<void> beat_for_ever(asio::io_context& context, BeatSender& sender, BeatCheck& check,
                                    const BeatOptions& options, ExitCode& code) {
    Timer timer(context);
    std::string last = "not yet";
    for (auto next = timer.now();; next += options.interval) {
        timer.expires_at(next = std::max(next, timer.now()));
        co_await timer.wait();
        const bool well = co_await check.run(options.interval);
        Result<void> taken = Error("the check fails: no heartbeats are sent");
        if (well) taken = co_await sender.send(options.interval);
        const auto state = taken ? "sending heartbeats" : taken.error().message();
        if (state != last) std::cerr << "beat: " << sender.to() << ": " << state << std::endl;
        last = state;
        if (options.once) {
            code = taken ? ExitCode::done : ExitCode::refused;
            co_return context.stop();
        }
    }
}

} // namespace

ExitCode beat(const BeatOptions& options) {
    const auto secret = conf::read_token(options.token_file);
    if (!secret) {
        std::cerr << "weir: --token-file: " << secret.error().message() << "\n";
        return ExitCode::refused;
    }
    asio::io_context context(1);
    std::vector<std::unique_ptr<BeatSender>> senders;
    std::vector<std::unique_ptr<BeatCheck>> checks;
    auto code = ExitCode::done;
    for (const auto& to : options.to) {
        auto endpoint = Endpoint::parse(to);
        if (!endpoint) {
            std::cerr << "weir: --to " << conf::redact(to, {}) << ": " << endpoint.error().message() << "\n";
            return ExitCode::usage;
        }
        auto tls = trust_authorities(options.ca, *endpoint);
        if (!tls) {
            std::cerr << "weir: --ca: " << tls.error().message() << "\n";
            return ExitCode::usage;
        }
        senders.push_back(
            std::make_unique<BeatSender>(context, *std::move(endpoint), *std::move(tls), options, *secret));
        checks.push_back(std::make_unique<BeatCheck>(context, options.check));
        asio::co_spawn(context, beat_for_ever(context, *senders.back(), *checks.back(), options, code),
                       log::log_exception);
    }
    asio::signal_set signals(context, SIGTERM, SIGINT);
    signals.async_wait([&](boost::system::error_code, int) { context.stop(); });
    ::signal(SIGPIPE, SIG_IGN);
    context.run();
    return code;
}

} // namespace weir::proxy::cli
