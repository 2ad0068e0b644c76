#include "proxy/http2/server_connection.h"

#include "proxy/http2/server_callbacks.h"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::proxy::http2 {

ServerConnection::ServerConnection(const Transport& transport, RequestListener& listener)
    : Connection(transport), listener_(listener), guard_(transport.loop.now()) {}

ServerConnection::~ServerConnection() {
    session_.reset();
    streams_.for_each([&](ConnectionStream& stream) { remove_stream(stream); });
}

bool ServerConnection::start(const ServerSettings& settings, std::string_view first) {
    limits_ = settings.head;
    const auto options = make_options();
    if (!options) return false;
    // FloodGuard judges resets: the library's own limit also hits clients that cancel many calls.
    constexpr std::uint64_t no_limit = 1u << 30;
    nghttp2_option_set_stream_reset_rate_limit(options.get(), no_limit, no_limit);
    nghttp2_session* made = nullptr;
    auto memory = memory_.functions();
    Connection* const user = this;
    if (nghttp2_session_server_new3(&made, server_callbacks(), user, options.get(), &memory) != 0) return false;
    session_.reset(made);
    memory_.seal();
    const auto largest_head = static_cast<std::uint32_t>(limits_.size);
    const std::array<nghttp2_settings_entry, 4> entries{{{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.streams},
                                                         {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, largest_head},
                                                         {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
                                                         {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}}};
    if (nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) != 0) return false;
    nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0, connection_window);
    resets_.limit_to(2 * std::size_t{settings.streams} + 128); // more than a client can have under way
    if (!first.empty()) feed(first);
    return true;
}

void ServerConnection::on_bytes(std::string_view bytes) {
    const auto skipped = std::min(preface_left_, bytes.size());
    preface_left_ -= skipped;
    guard_.on_bytes(bytes.substr(skipped), loop().now());
}

std::uint32_t ServerConnection::on_fed(ssize_t taken) {
    deliver();
    if (taken == NGHTTP2_ERR_FLOODED || guard_.is_flood()) return NGHTTP2_ENHANCE_YOUR_CALM;
    return taken < 0 || has_broken_rules_ ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_NO_ERROR;
}

// Hands over the requests that have arrived.
void ServerConnection::deliver() {
    for (std::size_t i = 0; i < arrived_.size(); ++i) {
        auto request = std::move(arrived_[i]); // the listener may let further ones arrive
        request.stream->arrives_ = false;
        if (request.stream->is_closed()) remove_stream(*request.stream); // the client has already reset it
        else listener_.on_request(std::move(request));
    }
    arrived_.clear();
}

void ServerConnection::announce_shutdown() {
    nghttp2_submit_shutdown_notice(session());
    request_flush();
}

ServerStream* ServerConnection::add_stream(std::int32_t id) {
    auto* const stream = new ServerStream(*this, id);
    listener_.on_stream_opened();
    streams_.add(*stream);
    return stream;
}

} // namespace weir::proxy::http2
