// The connections over which backends send their beats. There may be thousands, each with a few bytes a second: they
// are looked at together, forty times a second at most, so that a beat costs one read and one write, not a turn of
// the control thread.
//
// A connection comes here after its first beat, and goes back the moment it says anything else.
//
// Thread: the control thread.
// Lifetime: the io_context must outlive it; what it started ends soon after `close_all`.
#pragma once

#include "proxy/beat_desk.h"
#include "proxy/http/head.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::proxy::admin {

class BeatLane {
public:
    // What a request is answered with; unset where it is not a beat that may be answered here.
    using OnBeat = std::function<std::optional<BeatAnswer>(const http::RequestHead& head, std::string_view body)>;
    // Takes a connection back, with what has been read of it.
    using OnOther = std::function<void(int descriptor, std::string bytes)>;

    BeatLane(boost::asio::io_context& control, OnBeat on_beat, OnOther on_other);
    ~BeatLane();
    BeatLane(const BeatLane&) = delete;
    BeatLane& operator=(const BeatLane&) = delete;

    // Takes a connection that is idle and does not block. False where it cannot: it is the caller's still.
    bool add(int descriptor);
    std::size_t size() const;

    // Answers what has come, and ends them all.
    void close_all();

private:
    struct State;
    std::shared_ptr<State> state_;
};

// How a beat is answered, as an HTTP response.
std::string to_response(const BeatAnswer& answer);
// The body of that.
std::string to_body(const BeatAnswer& answer);

} // namespace weir::proxy::admin
