#include "proxy/http2/server_connection.h"

#include "proxy/http2/response_fields.h"
#include "proxy/http2/server_callbacks.h"
#include "proxy/http2/websocket_handshake.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <arpa/inet.h>

namespace weir::proxy::http2 {
namespace {

constexpr std::size_t read_size = 16 * 1024;
constexpr int reads_at_a_time = 4, rounds_at_a_time = 4; // before other connections get their turn
constexpr std::size_t most_queued = 1000;                // frames that wait for a client that does not read
constexpr std::int32_t connection_window = 0x7fffffff;
constexpr std::size_t frame_room = 16 * 1024 + 512; // for the largest frame that the library makes, and its header

struct DeleteOption {
    void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};

constexpr std::size_t largest_response_head = 1024 * 1024; // the configuration bounds those of backends

} // namespace

ServerConnection::ServerConnection(Stream& stream, Waiter& waiter, EventLoop& loop, const Pools& pools,
                                   RequestListener& listener)
    : stream_(stream), waiter_(waiter), loop_(loop), pools_(pools), listener_(listener), guard_(loop.now()) {}

ServerConnection::~ServerConnection() {
    session_.reset();
    while (first_) free_stream(*first_);
}

bool ServerConnection::start(const ServerSettings& settings, std::string_view first) {
    limits_ = settings.head;
    nghttp2_option* made = nullptr;
    if (nghttp2_option_new(&made) != 0) return false;
    const std::unique_ptr<nghttp2_option, DeleteOption> option(made);
    nghttp2_option_set_no_auto_window_update(made, 1);
    // FloodGuard judges resets: the library's own limit also hits clients that cancel many calls.
    constexpr std::uint64_t no_limit = 1u << 30;
    nghttp2_option_set_stream_reset_rate_limit(made, no_limit, no_limit);
    nghttp2_option_set_max_send_header_block_length(made, largest_response_head);
    nghttp2_session* session = nullptr;
    auto memory = memory_.functions();
    if (nghttp2_session_server_new3(&session, server_callbacks(), this, made, &memory) != 0) return false;
    session_.reset(session);
    memory_.seal();
    const auto largest_head = static_cast<std::uint32_t>(limits_.size);
    const std::array<nghttp2_settings_entry, 4> entries{{{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.streams},
                                                         {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, largest_head},
                                                         {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
                                                         {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}}};
    if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) != 0) return false;
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, connection_window);
    most_resets_ = 2 * std::size_t{settings.streams} + 128; // more than a client can have under way
    if (!first.empty()) feed(first);
    return true;
}

bool ServerConnection::run_turn() {
    in_turn_ = true;
    bool lives = receive();
    lives = flush() && lives;
    in_turn_ = false;
    if (!lives) return false;
    if (is_fatal_) return !out_.empty();
    if (input_ended_ && !has_streams()) return false;
    if (flush_requested_) waiter_.yield(loop_);
    return !out_.empty() || nghttp2_session_want_write(session_.get()) || nghttp2_session_want_read(session_.get());
}

// Returns false once the client has left or broken the protocol so badly that nothing more can be read.
bool ServerConnection::receive() {
    for (int reads = 0; stream_.readable() && !is_fatal_ && !input_ended_; ++reads) {
        // A client that does not read gets no more answers.
        if (!out_.empty() && nghttp2_session_get_outbound_queue_size(session_.get()) > most_queued) return true;
        if (reads == reads_at_a_time) {
            waiter_.yield(loop_);
            return true;
        }
        Buffer in(pools_.heads);
        const auto result = stream_.receive(in.space().first(read_size));
        if (result.status == IoStatus::would_block) return true;
        if (result.status == IoStatus::end && stream_.tls() && !stream_.hung_up()) input_ended_ = true;
        else if (result.status != IoStatus::ok) return false;
        in.fill(result.bytes);
        if (!input_ended_ && !feed(in.view())) return false;
    }
    return true;
}

bool ServerConnection::feed(std::string_view bytes) {
    const auto skipped = std::min(preface_left_, bytes.size());
    preface_left_ -= skipped;
    guard_.on_bytes(bytes.substr(skipped), loop_.now());
    const auto taken =
        nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    deliver();
    wake_streams();
    if (taken == NGHTTP2_ERR_FLOODED || guard_.is_flood()) end_with(NGHTTP2_ENHANCE_YOUR_CALM);
    else if (taken < 0 || has_broken_rules_) end_with(NGHTTP2_PROTOCOL_ERROR);
    return !is_fatal_;
}

// Tells the client why its connection ends at once. After a fatal error, the library cannot.
void ServerConnection::end_with(std::uint32_t error_code) {
    if (std::exchange(is_fatal_, true)) return;
    error_code_ = error_code;
    listener_.on_goaway_sent(error_code);
    // A frame of 8 bytes on stream 0 (RFC 9113 section 6.8).
    std::array<char, 17> goaway{0, 0, 8, NGHTTP2_GOAWAY};
    const auto last = htonl(static_cast<std::uint32_t>(nghttp2_session_get_last_proc_stream_id(session_.get())));
    const auto code = htonl(error_code);
    std::memcpy(goaway.data() + 9, &last, sizeof last);
    std::memcpy(goaway.data() + 13, &code, sizeof code);
    if (!out_.has_memory()) out_ = Buffer(pools_.bodies);
    out_.append({goaway.data(), goaway.size()});
}

// Hands over the requests that have arrived.
void ServerConnection::deliver() {
    for (std::size_t i = 0; i < arrived_.size(); ++i) {
        auto request = std::move(arrived_[i]); // the listener may let further ones arrive
        request.stream->arrives_ = false;
        if (request.stream->closed_) free_stream(*request.stream); // the client has already reset it
        else listener_.on_request(std::move(request));
    }
    arrived_.clear();
}

void ServerConnection::wake_streams() {
    for (std::size_t i = 0; i < to_wake_.size(); ++i) {
        auto* const stream = std::exchange(to_wake_[i], nullptr);
        if (!stream) continue;
        stream->is_to_wake_ = false;
        stream->wake_user(); // may free the stream
    }
    to_wake_.clear();
}

// Sends what the library and the streams have. Returns false if the client has left.
bool ServerConnection::flush() {
    for (int rounds = 0; rounds < rounds_at_a_time; ++rounds) {
        flush_requested_ = false;
        submit_heads();
        if (!is_fatal_ && !fill_out()) return false;
        if (!send_out()) return false;
        wake_streams();                 // those that have room again, and those that have ended
        if (!out_.empty()) return true; // the client takes no more
        const bool has_more = flush_requested_ || (!is_fatal_ && nghttp2_session_want_write(session_.get()));
        if (!has_more) return true;
    }
    flush_requested_ = true; // other connections get their turn first
    return true;
}

// Returns true if the largest frame fits into the rest of `out_`.
bool ServerConnection::has_room() const { return out_.space().size() >= frame_room; }

void ServerConnection::submit_heads() {
    for (auto* const stream : to_submit_) {
        if (!stream) continue;
        stream->is_to_submit_ = false;
        submit_final(*stream);
    }
    to_submit_.clear();
}

// Moves frames from the library to `out_`. Returns false if the library has failed.
bool ServerConnection::fill_out() {
    if (!out_.has_memory()) {
        if (!nghttp2_session_want_write(session_.get())) return true;
        out_ = Buffer(pools_.bodies);
    }
    if (!has_room() && out_.size() <= pools_.bodies.block_size() / 2) out_.compact();
    while (has_room()) {
        const std::uint8_t* bytes = nullptr;
        const auto before = out_.size();
        const auto size = nghttp2_session_mem_send(session_.get(), &bytes);
        if (size < 0) return false;
        if (size == 0 && out_.size() == before) break;
        out_.append({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
    }
    return true;
}

bool ServerConnection::send_out() {
    while (!out_.empty()) {
        const iovec part{out_.data(), out_.size()};
        const auto result = stream_.send({&part, 1});
        if (result.status == IoStatus::would_block) return true;
        if (result.status != IoStatus::ok) return false;
        out_.consume(result.bytes);
    }
    out_.release();
    return true;
}

void ServerConnection::announce_shutdown() {
    nghttp2_submit_shutdown_notice(session_.get());
    request_flush();
}

void ServerConnection::shut_down() {
    nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_.get()),
                          NGHTTP2_NO_ERROR, nullptr, 0);
    request_flush();
}

void ServerConnection::fail_streams() {
    for (auto* stream = first_; stream;) {
        auto& failed = *std::exchange(stream, stream->next_);
        failed.closed_ = true;
        if (failed.has_user()) wake_later(failed);
        else free_stream(failed);
    }
    wake_streams();
}

void ServerConnection::request_flush() {
    if (std::exchange(flush_requested_, true) || in_turn_) return;
    waiter_.yield(loop_);
}

// Returns the number of bytes that the client lets the stream send.
std::size_t ServerConnection::window_of(std::int32_t id) const {
    const auto window = nghttp2_session_get_stream_remote_window_size(session_.get(), id);
    return window > 0 ? static_cast<std::size_t>(window) : 0;
}

void ServerConnection::consume(std::int32_t id, std::size_t bytes) {
    nghttp2_session_consume_stream(session_.get(), id, bytes);
    if (nghttp2_session_want_write(session_.get())) request_flush();
}

void ServerConnection::submit_interim(ServerStream& stream) {
    std::vector<nghttp2_nv> fields;
    read_response_fields({stream.head_.data(), stream.head_.size()}, fields);
    nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream.id_, nullptr, fields.data(), fields.size(),
                           nullptr);
}

// Submits the final head of a response, with what is known of its body.
void ServerConnection::submit_final(ServerStream& stream) {
    if (stream.closed_ || stream.submitted_) return;
    stream.submitted_ = true;
    if (!stream.websocket_key_.empty() && !may_answer_websocket(stream.head_.view(), stream.websocket_key_))
        return reset(stream, NGHTTP2_CONNECT_ERROR);
    fields_.clear();
    read_response_fields({stream.head_.data(), stream.head_.size()}, fields_);
    const bool has_body = stream.sending_ != ServerStream::Sending::finished || !stream.out_.empty();
    const auto body = body_of_response(&stream);
    if (nghttp2_submit_response(session_.get(), stream.id_, fields_.data(), fields_.size(),
                                has_body ? &body : nullptr) != 0)
        reset(stream, NGHTTP2_INTERNAL_ERROR);
    stream.head_.release();
}

void ServerConnection::resume(ServerStream& stream) { nghttp2_session_resume_data(session_.get(), stream.id_); }

void ServerConnection::reset(ServerStream& stream, std::uint32_t error_code) {
    if (std::exchange(stream.is_reset_, true)) return;
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id_, error_code);
    request_flush();
}

// The user has closed the stream.
void ServerConnection::release(ServerStream& stream) {
    if (stream.closed_) free_stream(stream);
}

bool ServerConnection::was_reset(std::int32_t id) const {
    return std::find(recent_resets_.begin(), recent_resets_.end(), id) != recent_resets_.end();
}

void ServerConnection::note_reset(std::int32_t id) {
    if (recent_resets_.empty()) recent_resets_.resize(most_resets_);
    recent_resets_[resets_++ % most_resets_] = id;
}

ServerStream* ServerConnection::add_stream(std::int32_t id) {
    auto* const stream = new ServerStream(*this, id);
    listener_.on_stream_opened();
    stream->next_ = std::exchange(first_, stream);
    if (stream->next_) stream->next_->previous_ = stream;
    return stream;
}

void ServerConnection::free_stream(ServerStream& stream) {
    if (session_) nghttp2_session_set_stream_user_data(session_.get(), stream.id_, nullptr);
    (stream.previous_ ? stream.previous_->next_ : first_) = stream.next_;
    if (stream.next_) stream.next_->previous_ = stream.previous_;
    constexpr ServerStream* none = nullptr;
    if (stream.is_to_wake_) std::replace(to_wake_.begin(), to_wake_.end(), &stream, none);
    if (stream.is_to_submit_) std::replace(to_submit_.begin(), to_submit_.end(), &stream, none);
    delete &stream;
    listener_.on_stream_closed();
}

} // namespace weir::proxy::http2
