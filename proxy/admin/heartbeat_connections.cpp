#include "proxy/admin/heartbeat_connections.h"

#include "base/timer.h"
#include "proxy/admin/message.h"
#include "proxy/http/rewrite.h"
#include "proxy/http1/framing.h"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/epoll.h>

namespace weir::proxy::admin {

namespace asio = boost::asio;

namespace {

constexpr auto pace = std::chrono::milliseconds(25); // the longest delay of a heartbeat, to handle several together
constexpr auto idle_time = std::chrono::minutes(2);
constexpr auto sweep_interval = std::chrono::seconds(10);
constexpr http::HeadLimits limits{};

} // namespace

std::string to_body(const HeartbeatAnswer& answer) {
    if (answer.status == 200) return "{}\n";
    boost::json::object body{{"error", answer.reason}};
    if (answer.status == 409) { // the sender resumes from these values
        body["last_sequence"] = answer.last_sequence;
        body["time"] = answer.time_ms;
    }
    return boost::json::serialize(body) + "\n";
}

// A sender with a valid signature keeps its connection: its heartbeat was accepted, or it learns how to resume.
static bool is_from_a_sender(const HeartbeatAnswer& answer) { return answer.status == 200 || answer.status == 409; }

// Returns the HTTP response for an answer.
static std::string to_response(const HeartbeatAnswer& answer, Clock::WallTime now) {
    const auto body = to_body(answer);
    const char* reason = answer.status == 200 ? "OK" : "Refused";
    return "HTTP/1.1 " + std::to_string(answer.status) + " " + reason + "\r\n" +
           (is_from_a_sender(answer) ? "" : "Connection: close\r\n") + "Date: " + format_date(now) +
           "\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct HeartbeatConnections::State : std::enable_shared_from_this<State> {
    State(asio::io_context& control, OnHeartbeat beat, OnOther other)
        : on_heartbeat(std::move(beat)), on_other(std::move(other)), clock(clock_of(control)), timer(control) {}

    enum class After { keep, close, hand_back };

    struct Line {
        net::DetachedStream connection;
        Clock::TimePoint used; // time of last use
    };

    void look_later();
    void answer_all(Clock::TimePoint now);
    void answer(Line& line, Clock::TimePoint now);
    After answer_text(const net::DetachedStream& connection, std::string_view text);
    net::DetachedStream remove(int descriptor);
    void close_idle(Clock::TimePoint since);

    OnHeartbeat on_heartbeat;
    OnOther on_other;
    const UniqueFd poll{::epoll_create1(EPOLL_CLOEXEC)}; // an epoll set of its own
    const Clock& clock;
    Timer timer;
    bool looking = false;
    Clock::TimePoint swept = timer.now();
    std::string well;                    // the response to an accepted heartbeat
    std::unordered_map<int, Line> lines; // keyed by descriptor; `poll` points into it
    http::RequestHead head;              // scratch space
    std::array<char, 8 * 1024> bytes;    // scratch space
};

// Polling is cheaper than waking the thread for each heartbeat. The timer runs while there are connections.
void HeartbeatConnections::State::look_later() {
    if (looking || lines.empty()) return;
    looking = true;
    timer.expires_after(pace);
    timer.wait([self = shared_from_this()](WaitEnd end) {
        self->looking = false;
        if (end == WaitEnd::cancelled) return;
        const auto now = self->timer.now();
        self->answer_all(now);
        if (now - self->swept > sweep_interval) self->close_idle(now - idle_time);
        self->look_later();
    });
}

void HeartbeatConnections::State::answer_all(Clock::TimePoint now) {
    well = to_response({}, clock.wall_now()); // refreshes its Date field
    std::array<epoll_event, 256> events;
    for (int rounds = 0; rounds < 16; ++rounds) { // bounded, so that other work gets its turn
        const int ready = ::epoll_wait(poll.get(), events.data(), static_cast<int>(events.size()), 0);
        for (int i = 0; i < ready; ++i) answer(*static_cast<Line*>(events[static_cast<std::size_t>(i)].data.ptr), now);
        if (ready < static_cast<int>(events.size())) break;
    }
}

void HeartbeatConnections::State::answer(Line& line, Clock::TimePoint now) {
    const auto got = line.connection.receive(bytes);
    if (!got) return;
    line.used = now;
    const std::string_view text(bytes.data(), *got);
    const auto after = text.empty() ? After::close : answer_text(line.connection, text);
    if (after == After::keep) return;
    auto connection = remove(line.connection.socket.get());
    if (after == After::hand_back) on_other(std::move(connection), std::string(text));
}

// Responds to exactly one complete request; hands everything else back.
HeartbeatConnections::State::After HeartbeatConnections::State::answer_text(const net::DetachedStream& connection,
                                                                            std::string_view text) {
    http::HeadScan scan;
    const auto read = http::parse_request(text, limits, head, scan);
    if (read.status != http::HeadStatus::complete) return After::hand_back;
    const auto framed = http::request_framing(head);
    if (framed.error || framed.framing.kind != http::BodyKind::length) return After::hand_back;
    if (text.size() - head.length != framed.framing.length) return After::hand_back;
    if (!head.find(http::FieldId::expect).empty() || head.minor_version == 0) return After::hand_back;
    const auto result = on_heartbeat(head, text.substr(head.length));
    if (!result) return After::hand_back;
    const auto response = result->status == 200 ? std::string() : to_response(*result, clock.wall_now());
    const std::string_view out = result->status == 200 ? well : response;
    const bool sent = connection.send(out);
    const bool closes = !is_from_a_sender(*result) || http::connection_options(head.fields).close;
    return sent && !closes ? After::keep : After::close;
}

net::DetachedStream HeartbeatConnections::State::remove(int descriptor) {
    ::epoll_ctl(poll.get(), EPOLL_CTL_DEL, descriptor, nullptr);
    return std::move(lines.extract(descriptor).mapped().connection);
}

void HeartbeatConnections::State::close_idle(Clock::TimePoint since) {
    swept = timer.now();
    std::vector<int> idle;
    for (const auto& [descriptor, line] : lines)
        if (line.used <= since) idle.push_back(descriptor);
    for (const int descriptor : idle) remove(descriptor);
}

HeartbeatConnections::HeartbeatConnections(asio::io_context& control, OnHeartbeat on_heartbeat, OnOther on_other)
    : state_(std::make_shared<State>(control, std::move(on_heartbeat), std::move(on_other))) {}

HeartbeatConnections::~HeartbeatConnections() {
    state_->close_idle(Clock::TimePoint::max());
    state_->timer.cancel();
}

void HeartbeatConnections::add(net::DetachedStream connection) {
    const int descriptor = connection.socket.get();
    auto& line = state_->lines[descriptor] = {std::move(connection), state_->timer.now()};
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &line;
    if (::epoll_ctl(state_->poll.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) state_->lines.erase(descriptor);
    state_->look_later();
}

std::size_t HeartbeatConnections::size() const { return state_->lines.size(); }

void HeartbeatConnections::close_all() {
    state_->answer_all(state_->timer.now());
    state_->close_idle(Clock::TimePoint::max());
}

} // namespace weir::proxy::admin
