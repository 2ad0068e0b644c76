#include "proxy/admin/beat_lane.h"

#include "proxy/http/framing.h"
#include "proxy/http/rewrite.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir::proxy::admin {

namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto gathering = std::chrono::milliseconds(10); // how long the first beat waits for others
constexpr auto idle_time = std::chrono::minutes(2);
constexpr auto sweep_interval = std::chrono::seconds(10);
constexpr http::HeadLimits limits{};

} // namespace

std::string to_body(const BeatAnswer& answer) {
    if (answer.status == 200) return "{}\n";
    boost::json::object body{{"error", answer.why}};
    if (answer.status == 409) { // where the sender goes on
        body["last_sequence"] = answer.last_sequence;
        body["time"] = answer.time_ms;
    }
    return boost::json::serialize(body) + "\n";
}

std::string to_response(const BeatAnswer& answer) {
    const auto body = to_body(answer);
    const char* reason = answer.status == 200 ? "OK" : "Refused";
    return "HTTP/1.1 " + std::to_string(answer.status) + " " + reason +
           "\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct BeatLane::State : std::enable_shared_from_this<State> {
    State(asio::io_context& control, OnBeat beat, OnOther other)
        : on_beat(std::move(beat)), on_other(std::move(other)), poll(control, ::epoll_create1(EPOLL_CLOEXEC)),
          gather(control), sweep(control) {}

    enum class After { keep, close, hand_back };

    // Waits until any of them has something to say, and a moment longer for others.
    void wait() {
        poll.async_wait(asio::posix::descriptor_base::wait_read, [self = shared_from_this()](auto error) {
            if (error || !self->poll.is_open()) return;
            self->gather.expires_after(gathering);
            self->gather.async_wait([self](auto cancelled) {
                if (cancelled || !self->poll.is_open()) return;
                self->answer_all();
                self->wait();
            });
        });
    }

    void answer_all() {
        std::array<epoll_event, 256> events;
        const auto now = Clock::now();
        for (int ready = 1, rounds = 0; ready > 0 && rounds < 16; ++rounds) {
            ready = ::epoll_wait(poll.native_handle(), events.data(), static_cast<int>(events.size()), 0);
            for (int i = 0; i < ready; ++i) answer(events[static_cast<std::size_t>(i)].data.fd, now);
            if (ready < static_cast<int>(events.size())) break;
        }
    }

    void answer(int descriptor, Clock::time_point now) {
        const auto got = ::recv(descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        const std::string_view text(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
        const auto after = text.empty() ? After::close : answer_text(descriptor, text);
        if (after == After::keep) {
            last_used[descriptor] = now;
            return;
        }
        remove(descriptor);
        if (after == After::hand_back) on_other(descriptor, std::string(text));
        else ::close(descriptor);
    }

    // One whole request, no less and no more, is answered here.
    After answer_text(int descriptor, std::string_view text) {
        http::HeadScan scan;
        const auto read = http::parse_request(text, limits, head, scan);
        if (read.status != http::HeadStatus::complete) return After::hand_back;
        const auto framed = http::request_framing(head);
        if (framed.error || framed.framing.kind != http::BodyKind::length) return After::hand_back;
        if (text.size() - head.length != framed.framing.length) return After::hand_back;
        if (!head.find(http::FieldId::expect).empty() || head.minor_version == 0) return After::hand_back;
        const auto result = on_beat(head, text.substr(head.length));
        if (!result) return After::hand_back;
        static const std::string well = to_response({});
        const auto response = result->status == 200 ? std::string() : to_response(*result);
        const std::string_view out = result->status == 200 ? well : response;
        const auto sent = ::send(descriptor, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        const bool closes = http::connection_options(head.fields).close;
        return sent == static_cast<ssize_t>(out.size()) && !closes ? After::keep : After::close;
    }

    void remove(int descriptor) {
        ::epoll_ctl(poll.native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
        last_used.erase(descriptor);
    }

    void sweep_later() {
        sweep.expires_after(sweep_interval);
        sweep.async_wait([self = shared_from_this()](auto error) {
            if (error || !self->poll.is_open()) return;
            self->close_idle(Clock::now() - idle_time);
            self->sweep_later();
        });
    }

    void close_idle(Clock::time_point since) {
        std::vector<int> idle;
        for (const auto& [descriptor, used] : last_used)
            if (used <= since) idle.push_back(descriptor);
        for (const int descriptor : idle) {
            remove(descriptor);
            ::close(descriptor);
        }
    }

    OnBeat on_beat;
    OnOther on_other;
    asio::posix::stream_descriptor poll; // an epoll set of their own
    asio::steady_timer gather, sweep;
    std::unordered_map<int, Clock::time_point> last_used; // by descriptor
    http::RequestHead head;                               // scratch
    std::array<char, 8 * 1024> bytes;                     // likewise
};

BeatLane::BeatLane(asio::io_context& control, OnBeat on_beat, OnOther on_other)
    : state_(std::make_shared<State>(control, std::move(on_beat), std::move(on_other))) {
    state_->wait();
    state_->sweep_later();
}

BeatLane::~BeatLane() {
    state_->close_idle(Clock::time_point::max());
    boost::system::error_code ignored;
    state_->poll.close(ignored);
    state_->gather.cancel();
    state_->sweep.cancel();
}

bool BeatLane::add(int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    if (::epoll_ctl(state_->poll.native_handle(), EPOLL_CTL_ADD, descriptor, &event) != 0) return false;
    state_->last_used[descriptor] = Clock::now();
    return true;
}

std::size_t BeatLane::size() const { return state_->last_used.size(); }

void BeatLane::close_all() {
    state_->answer_all();
    state_->close_idle(Clock::time_point::max());
}

} // namespace weir::proxy::admin
