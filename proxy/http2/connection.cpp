#include "proxy/http2/connection.h"

#include <utility>

namespace weir::proxy::http2 {
namespace {

constexpr std::size_t read_size = 16 * 1024;
constexpr int reads_at_a_time = 4, rounds_at_a_time = 4;       // before other connections get their turn
constexpr std::size_t most_queued = 1000;                      // frames that wait for a peer that does not read
constexpr std::size_t largest_head = std::size_t{1024} * 1024; // that is sent; the configuration bounds heads

} // namespace

std::unique_ptr<nghttp2_option, DeleteOption> make_options() {
    nghttp2_option* made = nullptr;
    if (nghttp2_option_new(&made) != 0) return nullptr;
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_max_send_header_block_length(made, largest_head);
    return std::unique_ptr<nghttp2_option, DeleteOption>(made);
}

Connection::Connection(const Transport& transport)
    : out_(transport.stream, transport.pools.bodies), transport_(transport) {}

// The streams are freed by the end that knows what they are.
Connection::~Connection() = default;

bool Connection::run_turn() {
    in_turn_ = true;
    bool lives = receive();
    lives = flush() && lives;
    in_turn_ = false;
    if (!lives) return false;
    if (is_fatal_) return !out_.empty();
    if (input_ended_ && (!has_streams() || is_over_without_input())) return false;
    if (flush_requested_) transport_.waiter.yield(transport_.loop);
    return !out_.empty() || nghttp2_session_want_write(session()) || nghttp2_session_want_read(session());
}

// Returns false once the peer has left or broken the protocol so badly that nothing more can be read.
bool Connection::receive() {
    for (int reads = 0; stream().readable() && !is_fatal_ && !input_ended_; ++reads) {
        // A peer that does not read gets no more answers.
        if (!out_.empty() && nghttp2_session_get_outbound_queue_size(session()) > most_queued) return true;
        if (reads == reads_at_a_time) {
            transport_.waiter.yield(transport_.loop);
            return true;
        }
        Buffer in(pools().heads);
        const auto result = stream().receive(in.space().first(read_size));
        if (result.status == IoStatus::would_block) return true;
        if (result.status == IoStatus::end && stream().tls() && !stream().hung_up()) input_ended_ = true;
        else if (result.status != IoStatus::ok) return false;
        in.fill(result.bytes);
        if (!input_ended_ && !feed(in.view())) return false;
    }
    return true;
}

bool Connection::feed(std::string_view bytes) {
    on_bytes(bytes);
    const auto taken =
        nghttp2_session_mem_recv(session(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    const auto error_code = on_fed(taken);
    wake_streams();
    if (error_code != NGHTTP2_NO_ERROR) end_with(error_code);
    return !is_fatal_;
}

// Tells the peer why its connection ends at once. After a fatal error, the library cannot.
void Connection::end_with(std::uint32_t error_code) {
    if (std::exchange(is_fatal_, true)) return;
    error_code_ = error_code;
    on_goaway_sent(error_code);
    out_.add_goaway(nghttp2_session_get_last_proc_stream_id(session()), error_code);
}

void Connection::wake_streams() {
    streams_.to_wake.drain([](ConnectionStream& stream) { stream.wake_user(); }); // may free the stream
}

// Sends what the library and the streams have. Returns false if the peer has left.
bool Connection::flush() {
    for (int rounds = 0; rounds < rounds_at_a_time; ++rounds) {
        flush_requested_ = false;
        streams_.to_submit.drain([](ConnectionStream& stream) { stream.submit(); });
        if (!is_fatal_ && !out_.fill(session())) return false;
        if (!out_.send()) return false;
        wake_streams();                 // those that have room again, and those that have ended
        if (!out_.empty()) return true; // the peer takes no more
        const bool has_more = flush_requested_ || (!is_fatal_ && nghttp2_session_want_write(session()));
        if (!has_more) return true;
    }
    flush_requested_ = true; // other connections get their turn first
    return true;
}

void Connection::request_flush() {
    if (std::exchange(flush_requested_, true) || in_turn_) return;
    transport_.waiter.yield(transport_.loop);
}

void Connection::shut_down() {
    nghttp2_submit_goaway(session(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session()),
                          NGHTTP2_NO_ERROR, nullptr, 0);
    request_flush();
}

void Connection::fail_streams(StreamFailure failure) {
    streams_.for_each([&](ConnectionStream& stream) {
        stream.closed_ = true;
        if (stream.failure_.kind == StreamFailure::Kind::none) stream.failure_ = failure;
        if (stream.has_user()) wake_later(stream);
        else remove_stream(stream);
    });
    wake_streams();
}

// Returns the number of bytes that the peer lets the stream send.
std::size_t Connection::window_of(std::int32_t id) const {
    const auto window = id == 0 ? static_cast<std::int32_t>(nghttp2_session_get_remote_settings(
                                      session(), NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE))
                                : nghttp2_session_get_stream_remote_window_size(session(), id);
    return window > 0 ? static_cast<std::size_t>(window) : 0;
}

void Connection::consume(std::int32_t id, std::size_t bytes) {
    nghttp2_session_consume_stream(session(), id, bytes);
    if (nghttp2_session_want_write(session())) request_flush();
}

void Connection::reset(ConnectionStream& stream, std::uint32_t error_code) {
    if (std::exchange(stream.is_reset_, true)) return;
    if (stream.id_ == 0) stream.closed_ = true; // the peer has not heard of it
    else nghttp2_submit_rst_stream(session(), NGHTTP2_FLAG_NONE, stream.id_, error_code);
    request_flush();
}

// The user has closed the stream.
void Connection::release(ConnectionStream& stream) {
    if (stream.closed_) remove_stream(stream);
}

void Connection::remove_stream(ConnectionStream& stream) {
    if (session_ && stream.id_ != 0) nghttp2_session_set_stream_user_data(session(), stream.id_, nullptr);
    streams_.remove(stream);
    delete &stream;
    on_stream_removed();
}

} // namespace weir::proxy::http2
