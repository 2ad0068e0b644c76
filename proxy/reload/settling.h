// Decides when changed files are read: after an edit is complete, but not later than a limit.
//
// Thread: pure logic; time is an argument.
// Lifetime: values.
#pragma once

#include "base/clock.h"

#include <algorithm>
#include <chrono>
#include <optional>

namespace weir::proxy {

// What is known about the program that writes a file.
enum class Writer {
    closed,  // it has closed the file, or renamed a complete one over it
    open,    // it has the file open and may write more
    unknown, // only the change itself is known
};

class Settling {
public:
    // Quiet periods after the last change, because editors write in several steps.
    static constexpr std::chrono::milliseconds after_close{100}, while_open{5000}, while_unknown{2000};
    // Limits from the first change on, so that a program that never stops writing cannot delay a reload forever.
    static constexpr std::chrono::milliseconds longest_closed{2000}, longest_open{60'000};

    // Records a change of a file, or that its writer has closed it.
    void note(Clock::TimePoint now, Writer writer) {
        if (!first_ || (writer_ != Writer::closed && writer == Writer::closed)) first_ = now;
        last_ = now;
        writer_ = writer;
    }
    // Returns when to read the files; unset if nothing has changed.
    std::optional<Clock::TimePoint> due() const {
        if (!first_) return std::nullopt;
        const auto quiet = writer_ == Writer::closed ? after_close
                           : writer_ == Writer::open ? while_open
                                                     : while_unknown;
        const auto longest = writer_ == Writer::closed ? longest_closed : longest_open;
        return std::min(*first_ + longest, last_ + quiet);
    }
    void done() { first_.reset(); }

private:
    std::optional<Clock::TimePoint> first_;
    Clock::TimePoint last_;
    Writer writer_ = Writer::closed;
};

} // namespace weir::proxy
