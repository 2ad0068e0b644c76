// The streams of a connection, and those of them that wait for its next turn: to be woken, or to have their heads
// submitted. All operations take constant time.
//
// Thread: one worker's thread.
// Lifetime: does not own the streams; each must be removed before it is freed.
#pragma once

#include "proxy/http2/connection_stream.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace weir::proxy::http2 {

// Streams in the order in which they were added.
class StreamQueue {
public:
    // `place` is where a stream keeps its place in this queue.
    explicit StreamQueue(std::size_t ConnectionStream::*place) : place_(place) {}

    void add(ConnectionStream& stream) {
        if (stream.*place_ != 0) return;
        streams_.push_back(&stream);
        stream.*place_ = streams_.size();
    }
    void remove(ConnectionStream& stream) {
        if (const auto place = std::exchange(stream.*place_, 0)) streams_[place - 1] = nullptr;
    }
    // Calls `act` for each stream, also for those that are added meanwhile. It may free streams, also this one.
    template <class F> void drain(F act) {
        for (std::size_t i = 0; i < streams_.size(); ++i) {
            auto* const stream = std::exchange(streams_[i], nullptr);
            if (!stream) continue; // freed since
            stream->*place_ = 0;
            act(*stream);
        }
        streams_.clear();
    }

private:
    std::size_t ConnectionStream::*const place_; // 1 + index; 0: the stream is not in the queue
    std::vector<ConnectionStream*> streams_;
};

class StreamSet {
public:
    StreamSet() : to_wake(&ConnectionStream::place_to_wake_), to_submit(&ConnectionStream::place_to_submit_) {}

    bool empty() const { return first_ == nullptr; }
    std::size_t size() const { return size_; }
    ConnectionStream* first() const { return first_; }

    void add(ConnectionStream& stream) {
        stream.next_ = std::exchange(first_, &stream);
        if (stream.next_) stream.next_->previous_ = &stream;
        ++size_;
    }
    void remove(ConnectionStream& stream) {
        (stream.previous_ ? stream.previous_->next_ : first_) = stream.next_;
        if (stream.next_) stream.next_->previous_ = stream.previous_;
        to_wake.remove(stream);
        to_submit.remove(stream);
        --size_;
    }
    // Calls `act` for each stream, which may free this one.
    template <class F> void for_each(F act) {
        for (auto* stream = first_; stream;) act(*std::exchange(stream, stream->next_));
    }

    StreamQueue to_wake, to_submit;

private:
    ConnectionStream* first_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace weir::proxy::http2
