#include "proxy/log/logger.h"

#include "base/unique_fd.h"

#include "proxy/log/stream.h"

#include <boost/json.hpp>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <optional>
#include <utility>

#include <unistd.h>

namespace weir::proxy::log {
namespace {

constexpr std::size_t queue_size = 8192;

// Formats the message as a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        const auto text =
            boost::json::serialize(boost::json::string_view(message.payload.data(), message.payload.size()));
        out.append(text.data(), text.data() + text.size());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

spdlog::level::level_enum level_of(conf::LogLevel level) {
    switch (level) {
    case conf::LogLevel::debug: return spdlog::level::debug;
    case conf::LogLevel::info: return spdlog::level::info;
    case conf::LogLevel::warn: return spdlog::level::warn;
    case conf::LogLevel::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

// Writes to stderr and never waits: a line that a full pipe does not take is dropped.
class NonBlockingSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    NonBlockingSink() {
        if (auto opened = open_stream(STDERR_FILENO)) fd_ = *std::move(opened); // otherwise there is nowhere to log to
    }

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        [[maybe_unused]] const auto written = ::write(fd_.get(), line.data(), line.size());
    }
    void flush_() override {}

    UniqueFd fd_;
};

} // namespace

void log_exception(std::exception_ptr failure) {
    if (!failure) return;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        spdlog::error("internal error: {}", e.what());
    }
}

void configure_logger(const conf::Logging& logging) {
    if (!spdlog::get("weir")) {
        spdlog::init_thread_pool(queue_size, 1);
        auto sink = std::make_shared<NonBlockingSink>();
        auto logger = std::make_shared<spdlog::async_logger>("weir", std::move(sink), spdlog::thread_pool(),
                                                             spdlog::async_overflow_policy::overrun_oldest);
        logger->flush_on(spdlog::level::info);
        spdlog::set_default_logger(std::move(logger));
    }
    spdlog::set_level(level_of(logging.level));
    // Setting the format waits for a line that is being written, so it is done only if the format has changed.
    static std::optional<conf::LogFormat> format; // static, since the logger belongs to the process
    if (std::exchange(format, logging.format) == logging.format) return;
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<JsonMessage>('*');
    formatter->set_pattern(logging.format == conf::LogFormat::json
                               ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})"
                               : "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v");
    spdlog::default_logger()->set_formatter(std::move(formatter));
}

} // namespace weir::proxy::log
