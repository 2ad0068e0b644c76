#include "proxy/runtime/hot_restart_state.h"
#include "base/use_nothrow_awaitable.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

constexpr std::size_t longest_message = 4096;
constexpr timeval receive_timeout{10, 0}; // for the old process, which sends everything at once

union ControlRoom { // for one descriptor
    cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

// Fields are separated by spaces, because names and addresses contain none.
std::string health_line(const HealthRecord& note) {
    std::ostringstream out;
    out << "health " << note.pool << ' ' << note.name << ' ' << note.address << ' ' << static_cast<int>(note.verdict)
        << ' ' << note.progress.passes << ' ' << note.progress.failures << ' '
        << std::chrono::duration_cast<std::chrono::seconds>(note.since.time_since_epoch()).count();
    return out.str();
}

HealthRecord read_health(std::istringstream& in) {
    HealthRecord note;
    int verdict = 0;
    in >> note.pool >> note.name >> note.address >> verdict >> note.progress.passes >> note.progress.failures;
    if (!in || verdict < 0 || verdict > static_cast<int>(health::Verdict::down))
        throw std::runtime_error("hot restart: malformed health record");
    note.verdict = static_cast<health::Verdict>(verdict);
    std::int64_t since = 0; // older versions do not send it
    if (in >> since) note.since = std::chrono::system_clock::time_point(std::chrono::seconds(since));
    return note;
}

// A state of -1 and a weight of 0 mean that the configured values apply.
std::string override_line(const char* kind, const OverrideNote& note) {
    std::ostringstream out;
    out << kind << ' ' << note.pool << ' ' << note.name << ' '
        << (note.change.state ? static_cast<int>(*note.change.state) : -1) << ' ' << note.change.weight.value_or(0);
    if (note.change.address.is_set()) out << ' ' << note.change.address.text();
    return out.str();
}

OverrideNote read_override(std::istringstream& in) {
    OverrideNote note;
    int state = -1;
    std::uint32_t weight = 0;
    in >> note.pool >> note.name >> state >> weight;
    if (!in || state < -1 || state > static_cast<int>(conf::AdminState::maint) || weight > 256)
        throw std::runtime_error("hot restart: malformed override record");
    if (state >= 0) note.change.state = static_cast<conf::AdminState>(state);
    if (weight > 0) note.change.weight = weight;
    std::string address; // older versions do not send it
    if (!(in >> address)) return note;
    const auto parsed = conf::BackendAddress::parse(address);
    if (!parsed) throw std::runtime_error("hot restart: " + address + ": " + parsed.error().message());
    note.change.address = *parsed;
    return note;
}

// Receives one message. Returns false if it is the last; throws if the channel breaks off.
bool receive_message(int channel, HotRestartMessage& message) {
    char text[longest_message];
    iovec part{text, sizeof text};
    ControlRoom room{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = room.bytes;
    header.msg_controllen = sizeof room.bytes;
    const auto got = ::recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
    if (got <= 0) throw std::runtime_error("hot restart: the connection was closed");
    message = {{text, static_cast<std::size_t>(got)}, -1};
    if (const auto* control = CMSG_FIRSTHDR(&header); control && control->cmsg_type == SCM_RIGHTS)
        std::memcpy(&message.descriptor, CMSG_DATA(control), sizeof(int));
    return message.text != "end";
}

void take_message(const HotRestartMessage& message, HotRestartState& handover) {
    std::istringstream in(message.text);
    std::string kind, address;
    in >> kind;
    if (kind == "health") return handover.health.push_back(read_health(in));
    if (kind == "override") return handover.operator_overrides.push_back(read_override(in));
    if (kind == "wish") return handover.agent_overrides.push_back(read_override(in));
    std::getline(in >> std::ws, address); // a path may contain spaces
    if (kind == "config") handover.config_hash = address;
    const bool is_socket = kind == "admin" || kind == "listen";
    if (is_socket && message.descriptor < 0) throw std::runtime_error("hot restart: a socket is missing");
    if (kind == "admin") {
        handover.admin_address = address;
        handover.admin = message.descriptor;
    } else if (kind == "listen") {
        const auto parsed = conf::Address::parse(address);
        if (!parsed) throw std::runtime_error("hot restart: " + address + ": " + parsed.error().message());
        handover.listeners[*parsed].push_back(message.descriptor);
    } else if (message.descriptor >= 0) {
        ::close(message.descriptor); // an unknown kind, perhaps of a newer version
    }
}

} // namespace

std::vector<HotRestartMessage> to_messages(const HotRestartState& handover) {
    std::vector<HotRestartMessage> messages;
    if (!handover.config_hash.empty()) messages.push_back({"config " + handover.config_hash});
    for (const auto& [address, sockets] : handover.listeners)
        for (const int socket : sockets) messages.push_back({"listen " + address.text(), socket});
    if (handover.admin >= 0) messages.push_back({"admin " + handover.admin_address, handover.admin});
    for (const auto& note : handover.health) messages.push_back({health_line(note)});
    for (const auto& note : handover.operator_overrides) messages.push_back({override_line("override", note)});
    for (const auto& note : handover.agent_overrides) messages.push_back({override_line("wish", note)});
    messages.push_back({"end"});
    return messages;
}

int send_message(int channel, const HotRestartMessage& message) {
    iovec part{const_cast<char*>(message.text.data()), message.text.size()};
    ControlRoom room{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (message.descriptor >= 0) {
        header.msg_control = room.bytes;
        header.msg_controllen = sizeof room.bytes;
        auto* control = CMSG_FIRSTHDR(&header);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(control), &message.descriptor, sizeof(int));
    }
    return ::sendmsg(channel, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

HotRestartChannel HotRestartChannel::from_environment() {
    HotRestartChannel channel;
    if (!std::getenv(handover_variable)) return channel;
    ::unsetenv(handover_variable);
    if (::setsockopt(handover_descriptor, SOL_SOCKET, SO_RCVTIMEO, &receive_timeout, sizeof receive_timeout) != 0)
        throw std::runtime_error(std::string(handover_variable) + " is set, but nothing was handed over; unset it");
    ::fcntl(handover_descriptor, F_SETFD, FD_CLOEXEC);
    channel.descriptor_ = handover_descriptor;
    return channel;
}

HotRestartChannel::HotRestartChannel(HotRestartChannel&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

HotRestartChannel::~HotRestartChannel() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

HotRestartState HotRestartChannel::receive() {
    HotRestartState handover;
    for (HotRestartMessage message; receive_message(descriptor_, message);) take_message(message, handover);
    return handover;
}

void HotRestartChannel::send_ready(const std::vector<std::string>& unused) {
    for (const auto& name : unused) send_message(descriptor_, {"unused " + name});
    send_message(descriptor_, {"ready"});
}

asio::awaitable<TakeoverDecision> HotRestartChannel::wait_for_decision(asio::io_context& control) {
    asio::posix::stream_descriptor channel(control, std::exchange(descriptor_, -1));
    char answer[16];
    const auto [error, size] =
        co_await channel.async_read_some(asio::buffer(answer), use_nothrow_awaitable);
    const bool refused = !error && std::string_view(answer, size) == "no";
    descriptor_ = channel.release();
    co_return refused ? TakeoverDecision::no : TakeoverDecision::go;
}

} // namespace weir::proxy
