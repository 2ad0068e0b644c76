// Plays an input of fuzz_http2 as a script of what a client and backends do: an operation, a number, and for some
// operations further bytes. Most operations are whole frames of the client.
//
// Thread: one.
// Lifetime: the worker and the client's wire must outlive it.
#pragma once

#include "tests/fuzz/support/memory_io.h"
#include "tests/fuzz/support/memory_worker.h"

#include <functional>
#include <string>
#include <string_view>

namespace weir::http2_script {

// How the client behaves at the end.
enum class Ending { resets, ends, waits, reads_and_waits };

class Script {
public:
    // `on_step` is called each time that the worker has handled everything.
    Script(memory_io::MemoryWorker& bench, memory_io::Wire& client, std::function<void()> on_step)
        : bench_(bench), client_(client), on_step_(std::move(on_step)) {}

    void play(std::string_view input);
    // Ends as the input says, and waits longer than any time limit.
    void finish();

    Ending ending() const { return ending_; }
    // Returns true if the client was ended or reset, or did not read, before finish().
    bool is_disturbed() const { return disturbed_; }

private:
    std::string_view take(std::size_t size);
    std::size_t take_number();
    void begin(std::size_t mode);
    void run(std::chrono::milliseconds later = {});
    void send(std::string_view bytes);
    void deliver(std::string_view bytes);
    void send_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload);
    std::uint32_t recent_id(std::size_t back) const;
    void act(std::size_t operation, std::size_t number);
    void send_headers(std::size_t number);
    void send_data(std::size_t number);
    void send_settings(std::size_t number);
    void send_any_frame(std::size_t length);
    void send_rest_of_section(std::size_t number);
    void hold(std::size_t number);
    void answer(std::size_t number);
    void disturb_backend(std::size_t number);
    void disturb_client(std::size_t number);

    memory_io::MemoryWorker& bench_;
    memory_io::Wire& client_;
    std::function<void()> on_step_;
    std::string_view input_;
    std::uint32_t next_id_ = 1;
    std::string section_;          // the rest of a field section that has begun
    std::uint32_t section_id_ = 0; // its stream
    std::string held_;             // what the client will send at once
    bool holds_ = false, disturbed_ = false;
    std::size_t piece_ = 0; // bytes that the client sends at once; 0: all
    Ending ending_ = Ending::resets;
};

} // namespace weir::http2_script
