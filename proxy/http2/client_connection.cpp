#include "proxy/http2/client_connection.h"

#include "proxy/http2/client_callbacks.h"

#include <algorithm>
#include <array>

namespace weir::proxy::http2 {

ClientConnection::ClientConnection(const Transport& transport, ClientListener& listener)
    : Connection(transport), listener_(listener), pings_(transport.loop.now()) {}

ClientConnection::~ClientConnection() {
    session_.reset();
    streams_.for_each([&](ConnectionStream& stream) { remove_stream(stream); });
}

bool ClientConnection::start(const ClientSettings& settings) {
    settings_ = settings;
    const auto options = make_options();
    if (!options) return false;
    nghttp2_session* made = nullptr;
    auto memory = memory_.functions();
    Connection* const user = this;
    if (nghttp2_session_client_new3(&made, client_callbacks(), user, options.get(), &memory) != 0) return false;
    session_.reset(made);
    memory_.seal();
    nghttp2_session_set_next_stream_id(made, settings.first_stream_id);
    const auto largest_head = static_cast<std::uint32_t>(settings.head.size);
    const std::array<nghttp2_settings_entry, 2> entries{
        {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, largest_head}}};
    if (nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) != 0) return false;
    nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0, connection_window);
    request_flush();
    return true;
}

std::uint32_t ClientConnection::on_fed(ssize_t taken) {
    if (taken == NGHTTP2_ERR_FLOODED) return NGHTTP2_ENHANCE_YOUR_CALM;
    return taken < 0 || has_broken_rules_ ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_NO_ERROR;
}

bool ClientConnection::is_closing() const {
    return has_failed() || has_input_ended() || !nghttp2_session_check_request_allowed(session());
}

std::size_t ClientConnection::room() const {
    if (!ready_ || is_closing() || is_in_doubt()) return 0;
    const auto allowed = nghttp2_session_get_remote_settings(session(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    const std::size_t most = std::min(settings_.streams, allowed);
    return most - std::min(most, streams_.size());
}

bool ClientConnection::allows_websockets() const {
    return nghttp2_session_get_remote_settings(session(), NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

ClientStream& ClientConnection::open_stream() {
    auto* const stream = new ClientStream(*this);
    if (streams_.empty()) pings_.on_busy(loop().now());
    streams_.add(*stream);
    return *stream;
}

bool ClientConnection::keep_alive() {
    switch (pings_.act(loop().now())) {
    case PingAction::none: return true;
    case PingAction::give_up: return false;
    case PingAction::send: break;
    }
    nghttp2_submit_ping(session(), NGHTTP2_FLAG_NONE, nullptr);
    request_flush();
    return true;
}

} // namespace weir::proxy::http2
