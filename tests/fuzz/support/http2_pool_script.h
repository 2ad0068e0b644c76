// Plays an input of fuzz_http2_backend as a script of what HTTP/2 backends and HTTP/1.1 clients do: an operation, a
// number, and for some operations further bytes. Most operations are whole frames of a backend.
//
// Thread: one.
// Lifetime: the worker must outlive it.
#pragma once

#include "tests/fuzz/support/http2_reading.h"
#include "tests/fuzz/support/memory_io.h"
#include "tests/fuzz/support/memory_worker.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http2_pool_script {

// A client and its only request.
struct Asker {
    memory_io::Wire* wire;
    std::string_view method; // as the client sends it
    std::string path;        // of no other request
    std::string head, body;  // all that it will send
    bool is_upgrade;
    std::size_t sent = 0;      // of the body
    bool is_disturbed = false; // it leaves, or does not read
    std::string tunneled{};    // bytes behind the head that it has sent for a tunnel
};

class Script {
public:
    explicit Script(memory_io::MemoryWorker& bench) : bench_(bench) {}

    void play(std::string_view input);
    // Ends as the input says, and waits longer than any time limit.
    void finish();

    const std::vector<Asker>& clients() const { return clients_; }
    // How much weir had read from each backend connection when it had sent so much.
    const std::map<int, std::vector<http2_reading::Progress>>& progress() const { return progress_; }
    // Returns true if a backend has not read for a time: weir may have had more for it.
    bool has_stalled() const { return has_stalled_; }

private:
    std::string_view take(std::size_t size);
    std::size_t take_number();
    void run(std::chrono::milliseconds later = {});
    void greet_new();
    void send(std::string_view bytes);
    void send_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id, std::string_view payload);
    void act(std::size_t operation, std::size_t number);
    void ask(std::size_t number);
    void send_head(std::size_t number);
    void send_rest_of_section(std::size_t number);
    void send_data(std::size_t number);
    void send_response(std::size_t number);
    void send_settings(std::size_t number);
    void send_window_update(std::size_t number);
    void send_any_frame(std::size_t length);
    void hold(std::size_t number);
    void disturb_backend(std::size_t number);
    void disturb_client(std::size_t number);
    void go_on_asking(std::size_t number);
    memory_io::Wire* backend() const;

    memory_io::MemoryWorker& bench_;
    std::string_view input_;
    std::vector<Asker> clients_;
    std::map<int, std::vector<http2_reading::Progress>> progress_;
    std::size_t mode_ = 0;
    std::size_t back_ = 0;         // the connection that acts, counted from the last one
    std::size_t greeted_ = 0;      // connections that have got their SETTINGS
    std::string section_;          // the rest of a field section that has begun
    std::uint32_t section_id_ = 0; // its stream
    std::string held_;             // what the backend will send at once
    bool holds_ = false, has_stalled_ = false;
};

} // namespace weir::http2_pool_script
