#include "tests/fuzz/support/http2_reading.h"

#include "tests/fuzz/support/http2_frames.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include <nghttp2/nghttp2.h>

namespace weir::http2_reading {
namespace {

using namespace http2_frames;

constexpr std::int64_t default_window = 65535;

void read_settings(ClientReading& reading, const Frame& frame, std::size_t moment) {
    Settings next{moment, reading.settings.empty() ? default_window : reading.settings.back().initial_window, {}};
    for (std::size_t at = 0; at + 6 <= frame.payload.size(); at += 6) {
        const auto value = number_at(frame.payload, at + 2, 4);
        const auto name = number_at(frame.payload, at, 2);
        if (name == NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) next.initial_window = value;
        if (name == NGHTTP2_SETTINGS_HEADER_TABLE_SIZE) next.table_sizes.push_back(value);
    }
    reading.settings.push_back(next);
}

// Checks what weir sends.
class ServerReader {
public:
    ServerReader(std::string_view bytes, const ClientReading& client, const std::vector<Progress>& progress)
        : bytes_(bytes), rest_(bytes), client_(client), progress_(progress) {}

    ServerReading read() {
        Frame frame;
        for (bool is_first = true; take_frame(rest_, frame); is_first = false) {
            if (is_first && (frame.type != NGHTTP2_SETTINGS || frame.has(NGHTTP2_FLAG_ACK)))
                return fail("weir does not begin with SETTINGS");
            if (frame.payload.size() > largest_frame) return fail("a frame is too large");
            on_frame(frame);
            if (reading_.error || cut_) break;
        }
        return reading_;
    }

private:
    ServerReading& fail(const char* error) {
        reading_.error = error;
        return reading_;
    }

    void on_frame(Frame& frame) {
        switch (frame.type) {
        case NGHTTP2_DATA: return on_data(frame);
        case NGHTTP2_HEADERS: return on_headers(frame);
        case NGHTTP2_SETTINGS: return on_settings(frame);
        case NGHTTP2_GOAWAY:
            if (frame.id != 0 || frame.payload.size() < 8) fail("an illegal GOAWAY");
            if (number_at(frame.payload, 4, 4) != 0) reading_.has_failed = true;
            else reading_.last_id = std::min(reading_.last_id, number_at(frame.payload, 0, 4));
            return;
        case NGHTTP2_RST_STREAM: {
            auto* const response = find(frame);
            if (!response || frame.payload.size() != 4) return;
            if (response->reset) fail("a stream is reset twice");
            response->reset = true;
            return;
        }
        case NGHTTP2_WINDOW_UPDATE:
            if (frame.payload.size() != 4 || number_at(frame.payload, 0, 4) == 0) fail("an illegal WINDOW_UPDATE");
            return;
        case NGHTTP2_PING:
            if (!frame.has(NGHTTP2_FLAG_ACK)) fail("weir sends no PING by itself");
            return;
        default: fail("a frame of this type is never sent");
        }
    }

    Response* find(const Frame& frame) {
        if (!client_.requests.contains(frame.id)) fail("a frame for a stream that the client has not opened");
        return reading_.error ? nullptr : &reading_.responses[frame.id];
    }

    // Finds the response to which the frame may still belong.
    Response* find_open(const Frame& frame) {
        auto* const response = find(frame);
        if (response && response->reset) fail("a frame after RST_STREAM");
        if (response && response->ended) fail("a frame after END_STREAM");
        return reading_.error ? nullptr : response;
    }

    void on_settings(const Frame& frame) {
        if (frame.id != 0 || frame.payload.size() % 6 != 0) fail("illegal SETTINGS");
        if (!frame.has(NGHTTP2_FLAG_ACK)) return;
        if (acked_ == client_.settings.size()) {
            fail("more SETTINGS are acknowledged than were sent");
            return;
        }
        for (const auto size : client_.settings[acked_].table_sizes) inflater_.change_table_size(size);
        ++acked_;
    }

    void on_headers(Frame& frame) {
        const auto id = frame.id;
        const bool ends = frame.has(NGHTTP2_FLAG_END_STREAM);
        auto* const response = find_open(frame);
        if (!response) return;
        std::string block;
        if (!strip(frame)) fail("padding that does not fit");
        cut_ = !take_section(rest_, frame, block);
        if (cut_ || reading_.error) return;
        auto section = inflater_.read(block);
        if (!section) fail("a field section that cannot be decoded");
        else on_section(*response, id, std::move(*section), ends);
    }

    void on_section(Response& response, std::uint32_t, Section section, bool ends) {
        if (!response.head.empty()) {
            if (!ends) fail("trailers that do not end the stream");
            for (const auto& [name, value] : section) check_field(name, value);
            response.trailers = std::move(section);
            response.ended = true;
            return;
        }
        check_fields(section);
        if (reading_.error) return;
        const auto status = section[0].second;
        if (status[0] == '1' && (ends || status == "101")) fail("an illegal interim head");
        if (status[0] == '1') return;
        response.head = std::move(section);
        response.ended = ends;
    }

    void check_fields(const Section& section) {
        if (section.empty() || section[0].first != ":status") fail("a head does not begin with :status");
        else if (section[0].second.size() != 3 || section[0].second[0] < '1' || section[0].second[0] > '9')
            fail("an illegal :status");
        for (std::size_t i = 1; i < section.size(); ++i) check_field(section[i].first, section[i].second);
    }

    void check_field(const std::string& name, const std::string& value) {
        for (const char* banned :
             {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"})
            if (name == banned) fail("a field that is specific to a connection");
        const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
            return c > 0x20 && c < 0x7f && c != ':' && !std::isupper(c);
        });
        if (!is_name) fail("an illegal field name");
        if (value.find_first_of(std::string("\r\n\0", 3)) != std::string::npos) fail("an illegal byte in a value");
        if (!value.empty() && (value.find_first_of(" \t") == 0 || value.find_last_of(" \t") == value.size() - 1))
            fail("blanks around a value");
    }

    void on_data(Frame& frame) {
        auto* const response = find_open(frame);
        if (!response) return;
        if (response->head.empty()) fail("DATA before the final head");
        const auto size = static_cast<std::int64_t>(frame.payload.size());
        const auto moment = read_until(progress_, bytes_.size() - rest_.size());
        total_ += size;
        if (total_ > default_window + given(0, moment)) fail("DATA beyond the window of the connection");
        const auto total = streams_[frame.id] += size;
        if (size > 0 && total > initial_window(moment) + given(frame.id, moment))
            fail("DATA beyond the window of the stream");
        if (!strip(frame)) fail("padding that does not fit");
        response->body += frame.payload;
        response->ended = frame.has(NGHTTP2_FLAG_END_STREAM);
    }

    // Returns the largest of those that may be in force: weir has read it, and no later one is acknowledged.
    std::int64_t initial_window(std::size_t moment) const {
        auto largest = acked_ == 0 ? default_window : client_.settings[acked_ - 1].initial_window;
        for (std::size_t i = acked_; i < client_.settings.size(); ++i)
            if (client_.settings[i].moment <= moment) largest = std::max(largest, client_.settings[i].initial_window);
        return largest;
    }

    std::int64_t given(std::uint32_t id, std::size_t moment) const {
        std::int64_t sum = 0;
        for (const auto& update : client_.updates)
            if (update.id == id && update.moment <= moment) sum += update.bytes;
        return sum;
    }

    const std::string_view bytes_;
    std::string_view rest_;
    const ClientReading& client_;
    const std::vector<Progress>& progress_;
    ServerReading reading_;
    Inflater inflater_;
    std::size_t acked_ = 0; // SETTINGS of the client
    std::int64_t total_ = 0;
    std::map<std::uint32_t, std::int64_t> streams_; // bytes of DATA
    bool cut_ = false;                              // within a field section
};

} // namespace

std::size_t read_until(const std::vector<Progress>& progress, std::size_t sent) {
    const auto at = std::lower_bound(progress.begin(), progress.end(), sent,
                                     [](const Progress& step, std::size_t size) { return step.sent < size; });
    return at == progress.end() ? never : at->read;
}

ClientReading read_client(std::string_view bytes) {
    ClientReading reading;
    Inflater inflater;
    auto rest = bytes.substr(std::min(preface.size(), bytes.size()));
    const auto moment = [&] { return bytes.size() - rest.size(); };
    for (Frame frame; take_frame(rest, frame);) {
        const bool ends = frame.has(NGHTTP2_FLAG_END_STREAM);
        if (frame.type == NGHTTP2_SETTINGS && !frame.has(NGHTTP2_FLAG_ACK)) read_settings(reading, frame, moment());
        reading.says_goodbye |= frame.type == NGHTTP2_GOAWAY;
        if (frame.type == NGHTTP2_WINDOW_UPDATE && frame.payload.size() == 4)
            reading.updates.push_back({moment(), frame.id, number_at(frame.payload, 0, 4) & 0x7fffffff});
        if (frame.type == NGHTTP2_RST_STREAM && reading.requests.contains(frame.id)) {
            auto& reset = reading.requests[frame.id].reset;
            reset = std::min(reset, moment());
        }
        if (frame.type != NGHTTP2_DATA && frame.type != NGHTTP2_HEADERS) continue;
        if (frame.type == NGHTTP2_DATA && !reading.requests.contains(frame.id)) continue; // it ends the connection
        if (!strip(frame)) break;
        auto& request = reading.requests[frame.id];
        if (frame.type == NGHTTP2_HEADERS) {
            std::string block;
            if (!take_section(rest, frame, block)) break;
            auto section = inflater.read(block);
            if (!section) break;
            if (request.begun == never) request.head = std::move(*section);
            request.begun = std::min(request.begun, moment());
        } else if (request.ended == never) {
            request.body += frame.payload;
        }
        if (ends) request.ended = std::min(request.ended, moment());
    }
    // weir may refuse a request before all of its HEADERS frame has arrived.
    if (rest.size() >= frame_header_size && rest[3] == NGHTTP2_HEADERS)
        reading.requests[number_at(rest, 5, 4) & 0x7fffffff];
    return reading;
}

ServerReading read_server(std::string_view bytes, const ClientReading& client, const std::vector<Progress>& progress) {
    return ServerReader(bytes, client, progress).read();
}

} // namespace weir::http2_reading
