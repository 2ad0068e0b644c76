#include "tests/fuzz/support/http2_pool_reading.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <nghttp2/nghttp2.h>

namespace weir::http2_pool_reading {
namespace {

using namespace http2_frames;

constexpr std::int64_t default_window = 65535;
constexpr std::uint32_t no_limit = 0xffffffff;

bool is_name(const std::string& name) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !name.empty() && std::all_of(name.begin(), name.end(), [&](unsigned char c) {
        return c < 0x80 && (std::islower(c) || std::isdigit(c) || marks.find(static_cast<char>(c)) != marks.npos);
    });
}

bool is_value(const std::string& value) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    if (!value.empty() && (is_blank(value.front()) || is_blank(value.back()))) return false;
    return std::none_of(value.begin(), value.end(),
                        [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

bool is_for_connection(const std::string& name) {
    static const std::set<std::string> all{"connection",        "keep-alive", "proxy-connection",
                                           "transfer-encoding", "upgrade",    "http2-settings"};
    return all.contains(name);
}

bool are_legal_fields(const Section& section, std::size_t from) {
    return std::all_of(section.begin() + static_cast<std::ptrdiff_t>(std::min(from, section.size())), section.end(),
                       [](const auto& field) {
                           const auto& [name, value] = field;
                           return is_name(name) && is_value(value) && !is_for_connection(name);
                       });
}

bool is_response_head(const Section& section) {
    if (section.empty() || section[0].first != ":status" || !are_legal_fields(section, 1)) return false;
    const auto& status = section[0].second;
    if (status.size() != 3 || status[0] < '1' || status[0] > '5' || status == "101") return false;
    return status.find_first_not_of("0123456789") == std::string::npos && value_of(section, "te").empty();
}

// Returns whether the head states at most one length.
bool has_legal_length(const Section& section) {
    const auto lengths = std::count_if(section.begin(), section.end(),
                                       [](const auto& field) { return field.first == "content-length"; });
    const auto length = value_of(section, "content-length");
    return lengths == 0 || (lengths == 1 && !length.empty() && length.size() < 19 &&
                            length.find_first_not_of("0123456789") == std::string::npos);
}

class BackendReader {
public:
    explicit BackendReader(std::string_view bytes) : bytes_(bytes), rest_(bytes) {}

    BackendReading read() {
        Frame frame;
        for (bool is_first = true; take_frame(rest_, frame); is_first = false) {
            const bool is_settings = frame.type == NGHTTP2_SETTINGS && !frame.has(NGHTTP2_FLAG_ACK);
            if ((is_first && !is_settings) || frame.payload.size() > largest_frame || !on_frame(frame)) break;
        }
        return std::move(reading_);
    }

private:
    std::size_t moment() const { return bytes_.size() - rest_.size(); }

    // Returns false if the frame ends the connection.
    bool on_frame(Frame& frame) {
        switch (frame.type) {
        case NGHTTP2_SETTINGS: return on_settings(frame);
        case NGHTTP2_WINDOW_UPDATE:
            if (frame.payload.size() != 4) return false;
            reading_.updates.push_back({moment(), frame.id, number_at(frame.payload, 0, 4) & 0x7fffffff});
            return true;
        case NGHTTP2_RST_STREAM: {
            if (frame.payload.size() != 4 || frame.id == 0) return false;
            auto& answer = reading_.answers[frame.id];
            if (answer.reset == never) answer.error_code = number_at(frame.payload, 0, 4);
            answer.reset = std::min(answer.reset, moment());
            return true;
        }
        case NGHTTP2_GOAWAY:
            if (frame.payload.size() < 8 || frame.id != 0) return false;
            reading_.goaways.push_back({moment(), number_at(frame.payload, 0, 4) & 0x7fffffff});
            return true;
        case NGHTTP2_PING: return frame.payload.size() == 8 && frame.id == 0;
        case NGHTTP2_PUSH_PROMISE: return on_push(frame);
        case NGHTTP2_CONTINUATION: return false;
        case NGHTTP2_HEADERS: return frame.id != 0 && strip(frame) && on_message(frame);
        case NGHTTP2_DATA:
            // Padding that does not fit ends the connection, unless weir ignores what else comes on the stream.
            if (frame.id == 0) return false;
            if (!strip(frame)) reading_.answers[frame.id].is_malformed |= reading_.answers[frame.id].ended == never;
            return on_message(frame);
        default: return true;
        }
    }

    bool on_settings(const Frame& frame) {
        if (frame.id != 0 || frame.payload.size() % 6 != 0) return false;
        if (frame.has(NGHTTP2_FLAG_ACK)) return frame.payload.empty();
        auto next = reading_.settings.empty() ? BackendSettings{0, default_window, no_limit, false, {}}
                                              : reading_.settings.back();
        next.moment = moment();
        next.table_sizes.clear();
        for (std::size_t at = 0; at < frame.payload.size(); at += 6) {
            const auto value = number_at(frame.payload, at + 2, 4);
            const auto name = number_at(frame.payload, at, 2);
            if (name == NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) next.initial_window = value;
            if (name == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) next.streams = value;
            if (name == NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) next.allows_websockets |= value == 1;
            if (name == NGHTTP2_SETTINGS_HEADER_TABLE_SIZE) next.table_sizes.push_back(value);
        }
        reading_.settings.push_back(next);
        return true;
    }

    // A backend that has not read weir's SETTINGS may believe that it may push. Its section counts for the later ones.
    bool on_push(Frame& frame) {
        std::string block;
        if (!strip(frame) || frame.payload.size() < 4) return false;
        frame.payload.remove_prefix(4);
        return take_section(rest_, frame, block) && inflater_.read(block);
    }

    bool on_message(const Frame& frame) {
        const bool ends = frame.has(NGHTTP2_FLAG_END_STREAM);
        auto& answer = reading_.answers[frame.id];
        const bool is_over = answer.ended != never || answer.reset != never || answer.is_malformed;
        if (frame.type == NGHTTP2_DATA) {
            if (is_over) return true;
            if (answer.head.empty() && !frame.payload.empty())
                answer.is_malformed = true; // the library bears empty ones
            if (answer.head.empty() && ends) answer.is_malformed = true;
            answer.body += frame.payload;
        } else {
            std::string block;
            if (!take_section(rest_, frame, block)) return false;
            auto section = inflater_.read(block);
            if (!section) return false;
            if (is_over) return true;
            on_section(answer, std::move(*section), ends);
        }
        if (ends && !answer.is_malformed) answer.ended = moment();
        return true;
    }

    static void on_section(Answer& answer, Section section, bool ends) {
        if (!answer.head.empty()) {
            answer.is_malformed = !ends || !are_legal_fields(section, 0);
            answer.trailers = std::move(section);
        } else if (!is_response_head(section)) {
            answer.is_malformed = true;
        } else if (section[0].second[0] == '1') {
            answer.is_malformed = ends;
            answer.interim.push_back(std::stoi(section[0].second));
        } else {
            answer.head = std::move(section);
        }
    }

    const std::string_view bytes_;
    std::string_view rest_;
    BackendReading reading_;
    Inflater inflater_;
};

// Checks what weir sends.
class WeirReader {
public:
    WeirReader(std::string_view bytes, const BackendReading& backend, const std::vector<Progress>& progress)
        : bytes_(bytes), rest_(bytes), backend_(backend), progress_(progress) {}

    WeirReading read() {
        const auto& preface = http2_reading::preface;
        if (!bytes_.starts_with(preface.substr(0, bytes_.size()))) fail("weir does not begin with the preface");
        rest_.remove_prefix(std::min(preface.size(), rest_.size()));
        Frame frame;
        for (bool is_first = true; !reading_.error && !cut_; is_first = false) {
            begun_ = bytes_.size() - rest_.size();
            if (!take_frame(rest_, frame)) break;
            read_ = http2_reading::read_until(progress_, bytes_.size() - rest_.size());
            if (is_first && (frame.type != NGHTTP2_SETTINGS || frame.has(NGHTTP2_FLAG_ACK)))
                fail("weir does not begin with SETTINGS");
            if (frame.payload.size() > largest_frame) fail("a frame is too large");
            if (has_said_goodbye_ && frame.type == NGHTTP2_HEADERS) fail("a request after GOAWAY");
            on_frame(frame);
        }
        return std::move(reading_);
    }

private:
    void fail(const char* error) {
        if (!reading_.error) reading_.error = error;
    }

    void on_frame(Frame& frame) {
        switch (frame.type) {
        case NGHTTP2_DATA: return on_data(frame);
        case NGHTTP2_HEADERS: return on_headers(frame);
        case NGHTTP2_SETTINGS: return on_settings(frame);
        case NGHTTP2_GOAWAY:
            if (frame.id != 0 || frame.payload.size() < 8) fail("an illegal GOAWAY");
            has_said_goodbye_ = true;
            return;
        case NGHTTP2_RST_STREAM:
            if (frame.payload.size() != 4) fail("an illegal RST_STREAM");
            if (frame.id % 2 == 0 && frame.id != 0) return; // refuses a push
            if (auto* const request = find(frame.id)) {
                if (request->reset) fail("a stream is reset twice");
                request->reset = true;
            }
            return;
        case NGHTTP2_WINDOW_UPDATE:
            if (frame.payload.size() != 4 || number_at(frame.payload, 0, 4) == 0) fail("an illegal WINDOW_UPDATE");
            if (auto* const request = frame.id == 0 ? nullptr : find(frame.id))
                if (request->reset) fail("a WINDOW_UPDATE after RST_STREAM");
            return;
        case NGHTTP2_PING:
            if (frame.payload.size() != 8 || frame.id != 0) fail("an illegal PING");
            return;
        default: fail("a frame of this type is never sent");
        }
    }

    Request* find(std::uint32_t id) {
        const auto found = reading_.requests.find(id);
        if (found == reading_.requests.end()) fail("a frame for a stream that weir has not opened");
        return found == reading_.requests.end() ? nullptr : &found->second;
    }

    void on_settings(const Frame& frame) {
        if (frame.id != 0 || frame.payload.size() % 6 != 0) fail("illegal SETTINGS");
        if (!frame.has(NGHTTP2_FLAG_ACK)) return;
        if (acked_ == backend_.settings.size()) return fail("more SETTINGS are acknowledged than were sent");
        for (const auto size : backend_.settings[acked_].table_sizes) inflater_.change_table_size(size);
        ++acked_;
    }

    void on_headers(Frame& frame) {
        std::string block;
        if (!strip(frame)) return fail("padding that does not fit");
        const bool ends = frame.has(NGHTTP2_FLAG_END_STREAM);
        const auto id = frame.id;
        cut_ = !take_section(rest_, frame, block);
        if (cut_) return;
        auto section = inflater_.read(block);
        if (!section) return fail("a field section that cannot be decoded");
        if (const auto found = reading_.requests.find(id); found != reading_.requests.end()) {
            auto& request = found->second;
            if (request.ended || request.reset) return fail("HEADERS on a stream that is closed");
            if (!ends || !are_legal_fields(*section, 0)) return fail("illegal trailers");
            request.trailers = std::move(*section);
            request.ended = true;
            return check_end(request);
        }
        if (id % 2 == 0 || (!reading_.requests.empty() && id < reading_.requests.rbegin()->first))
            return fail("stream ids do not rise");
        if (backend_.settings.empty() || backend_.settings[0].moment > read_)
            return fail("a request before the SETTINGS of the backend");
        check_head(*section);
        auto& request = reading_.requests[id];
        request = {std::move(*section), {}, {}, begun_, read_, ends};
        if (open_streams() > limit()) fail("more streams than the backend allows");
        if (ends) check_end(request);
    }

    // Checks RFC 9113 section 8.3.1 and RFC 8441 section 4.
    void check_head(const Section& head) {
        std::string pseudo;
        std::size_t count = 0;
        for (; count < head.size() && head[count].first.starts_with(':'); ++count) pseudo += head[count].first;
        const bool connects = value_of(head, ":method") == "CONNECT";
        if (pseudo != (connects ? ":method:protocol:scheme:authority:path" : ":method:scheme:authority:path"))
            return fail("the pseudo-fields are not those of a request");
        if (!are_legal_fields(head, count)) return fail("an illegal field in a request");
        if (value_of(head, ":scheme") != "http" || value_of(head, ":authority") != "a") fail("another :scheme or host");
        for (const auto& [name, value] : head) {
            if (name == "host" || name == "sec-websocket-key" || name == "x-gone")
                fail("a field went on that ends here");
            if (name == "te" && value != "trailers") fail("a TE that ends here");
        }
        if (value_of(head, "x-forwarded-for") != "10.9.9.9") fail("X-Forwarded-For is not the client");
        if (connects && std::none_of(backend_.settings.begin(), backend_.settings.end(),
                                     [&](const auto& one) { return one.moment <= read_ && one.allows_websockets; }))
            fail("an extended CONNECT that the backend has not allowed");
    }

    void check_end(const Request& request) {
        const auto length = value_of(request.head, "content-length");
        if (!length.empty() && length != std::to_string(request.body.size())) fail("a body with another length");
    }

    void on_data(Frame& frame) {
        auto* const request = find(frame.id);
        if (!request) return;
        if (request->ended || request->reset) return fail("DATA on a stream that is closed");
        const auto size = static_cast<std::int64_t>(frame.payload.size());
        total_ += size;
        if (size > 0 && total_ > default_window + given(0)) fail("DATA beyond the window of the connection");
        const auto total = streams_[frame.id] += size;
        if (size > 0 && total > initial_window() + given(frame.id)) fail("DATA beyond the window of the stream");
        request->ended = frame.has(NGHTTP2_FLAG_END_STREAM);
        if (!strip(frame)) return fail("padding that does not fit");
        request->body += frame.payload;
        if (request->ended) check_end(*request);
    }

    // Returns the largest of a setting's values that may be in force: weir has read it, and acknowledged no later one.
    template <class Number> Number in_force(Number BackendSettings::*setting, Number at_first) const {
        auto largest = acked_ == 0 ? at_first : backend_.settings[acked_ - 1].*setting;
        for (std::size_t i = acked_; i < backend_.settings.size(); ++i)
            if (backend_.settings[i].moment <= read_) largest = std::max(largest, backend_.settings[i].*setting);
        return largest;
    }
    std::int64_t initial_window() const { return in_force(&BackendSettings::initial_window, default_window); }
    std::uint32_t limit() const { return in_force(&BackendSettings::streams, std::uint32_t{0}); }

    std::int64_t given(std::uint32_t id) const {
        std::int64_t sum = 0;
        for (const auto& update : backend_.updates)
            if (update.id == id && update.moment <= read_) sum += update.bytes;
        return sum;
    }

    // Returns how many streams are open for sure.
    std::size_t open_streams() const {
        return static_cast<std::size_t>(
            std::count_if(reading_.requests.begin(), reading_.requests.end(), [&](const auto& entry) {
                const auto& [id, request] = entry;
                if (request.reset) return false;
                const auto found = backend_.answers.find(id);
                if (found == backend_.answers.end()) return true;
                return found->second.reset > read_ && !(request.ended && found->second.ended <= read_);
            }));
    }

    const std::string_view bytes_;
    std::string_view rest_;
    const BackendReading& backend_;
    const std::vector<Progress>& progress_;
    WeirReading reading_;
    Inflater inflater_;
    std::size_t acked_ = 0; // SETTINGS of the backend
    std::size_t begun_ = 0; // where the frame begins
    std::size_t read_ = 0;  // the most that weir had read when it sent the frame
    std::int64_t total_ = 0;
    std::map<std::uint32_t, std::int64_t> streams_; // bytes of DATA
    bool cut_ = false;                              // within a field section
    bool has_said_goodbye_ = false;
};

} // namespace

BackendReading read_backend(std::string_view bytes) { return BackendReader(bytes).read(); }

WeirReading read_weir(std::string_view bytes, const BackendReading& backend, const std::vector<Progress>& progress) {
    return WeirReader(bytes, backend, progress).read();
}

bool has_no_body(const Answer& answer, std::string_view method) {
    return method == "HEAD" || answer.status() == 204 || answer.status() == 304;
}

bool is_whole(const Answer& answer, std::string_view method) {
    if (answer.head.empty() || !has_legal_length(answer.head)) return false;
    const auto length = value_of(answer.head, "content-length");
    // The client has all that there is as soon as it has the head, whatever the backend does then.
    if (has_no_body(answer, method) || (!length.empty() && std::stoull(length) == 0)) return true;
    if (answer.is_malformed || answer.ended == never) return false;
    return length.empty() || std::stoull(length) == answer.body.size();
}

} // namespace weir::http2_pool_reading
