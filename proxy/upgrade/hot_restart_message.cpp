#include "proxy/upgrade/hot_restart_message.h"

#include <cstring>
#include <sstream>
#include <utility>

#include <sys/socket.h>

namespace weir::proxy {
namespace {

constexpr std::size_t longest_message = 4096;

union ControlRoom { // for one descriptor
    cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

// Fields are separated by spaces, because names and addresses contain none.
std::string health_line(const HealthRecord& note) {
    std::ostringstream out;
    out << "health " << note.pool << ' ' << note.name << ' ' << note.address << ' ' << static_cast<int>(note.verdict)
        << ' ' << note.progress.passes << ' ' << note.progress.failures;
    if (note.since)
        out << ' ' << std::chrono::duration_cast<std::chrono::seconds>(note.since->time_since_epoch()).count();
    return out.str();
}

Result<HealthRecord> read_health(std::istringstream& in) {
    HealthRecord note;
    int verdict = 0;
    in >> note.pool >> note.name >> note.address >> verdict >> note.progress.passes >> note.progress.failures;
    if (!in || verdict < 0 || verdict > static_cast<int>(health::Verdict::down))
        return Error("hot restart: malformed health record");
    note.verdict = static_cast<health::Verdict>(verdict);
    std::int64_t since = 0; // older versions do not send it
    if (in >> since) note.since = Clock::WallTime(std::chrono::seconds(since));
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

Result<OverrideNote> read_override(std::istringstream& in) {
    OverrideNote note;
    int state = -1;
    std::uint32_t weight = 0;
    in >> note.pool >> note.name >> state >> weight;
    if (!in || state < -1 || state > static_cast<int>(conf::AdminState::maint) || weight > 256)
        return Error("hot restart: malformed override record");
    if (state >= 0) note.change.state = static_cast<conf::AdminState>(state);
    if (weight > 0) note.change.weight = weight;
    std::string address; // older versions do not send it
    if (!(in >> address)) return note;
    const auto parsed = conf::BackendAddress::parse(address);
    if (!parsed) return Error("hot restart: " + address + ": " + parsed.error().message());
    note.change.address = *parsed;
    return note;
}

template <class T> Result<void> add(Result<T> read, std::vector<T>& to) {
    if (!read) return read.error();
    to.push_back(*std::move(read));
    return {};
}

Result<void> add_listener(const std::string& address, UniqueFd socket, ListenSocketMap& to) {
    const auto parsed = conf::Address::parse(address);
    if (!parsed) return Error("hot restart: " + address + ": " + parsed.error().message());
    to[*parsed].push_back(std::make_shared<const UniqueFd>(std::move(socket)));
    return {};
}

} // namespace

std::vector<HotRestartMessage> to_messages(const HotRestartState& state) {
    std::vector<HotRestartMessage> messages;
    if (!state.config_hash.empty()) messages.push_back({"config " + state.config_hash});
    for (const auto& [address, sockets] : state.listeners)
        for (const auto& socket : sockets) messages.push_back({"listen " + address.text(), socket->get()});
    if (state.admin.socket) messages.push_back({"admin " + state.admin.address, state.admin.socket.get()});
    for (const auto& note : state.health) messages.push_back({health_line(note)});
    for (const auto& note : state.operator_overrides) messages.push_back({override_line("override", note)});
    for (const auto& note : state.agent_overrides) messages.push_back({override_line("wish", note)});
    for (const auto& key : state.ticket_keys) messages.push_back({"ticket " + key});
    messages.push_back({"end"});
    return messages;
}

Result<void> send_message(int channel, const HotRestartMessage& message) {
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
    if (::sendmsg(channel, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return last_system_error();
    return {};
}

Result<ReceivedMessage> receive_message(int channel) {
    char text[longest_message];
    iovec part{text, sizeof text};
    ControlRoom room{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = room.bytes;
    header.msg_controllen = sizeof room.bytes;
    const auto got = ::recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
    if (got <= 0) return Error("hot restart: the connection was closed");
    ReceivedMessage message{{text, static_cast<std::size_t>(got)}, {}};
    if (const auto* control = CMSG_FIRSTHDR(&header); control && control->cmsg_type == SCM_RIGHTS) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(control), sizeof descriptor);
        message.descriptor.reset(descriptor);
    }
    return message;
}

Result<void> take_message(ReceivedMessage message, HotRestartState& state) {
    std::istringstream in(message.text);
    std::string kind, rest;
    in >> kind;
    if (kind == "health") return add(read_health(in), state.health);
    if (kind == "override") return add(read_override(in), state.operator_overrides);
    if (kind == "wish") return add(read_override(in), state.agent_overrides);
    std::getline(in >> std::ws, rest); // a path may contain spaces
    if (kind == "config") state.config_hash = rest;
    if (kind == "ticket") state.ticket_keys.push_back(rest);
    if (kind != "admin" && kind != "listen") return {}; // an unknown kind may be of a newer version
    if (!message.descriptor) return Error("hot restart: a socket is missing");
    if (kind == "listen") return add_listener(rest, std::move(message.descriptor), state.listeners);
    state.admin = {rest, std::move(message.descriptor)};
    return {};
}

} // namespace weir::proxy
