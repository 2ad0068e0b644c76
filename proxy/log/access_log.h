// The access log: one ring for each worker, and one thread that writes them out. A slow or full disk, or a pipe without
// a reader, stops only that thread; the rings fill up, and lines are dropped and counted.
//
// Thread: `ring` for its worker; everything else on the control thread.
// Lifetime: must outlive the workers.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "proxy/log/ring.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace weir::proxy::log {

class AccessLog {
public:
    explicit AccessLog(std::size_t workers);
    ~AccessLog(); // writes the remaining lines as far as possible without waiting

    Ring& ring(std::size_t worker) { return *rings_[worker]; }

    // An output that is open but not in use yet: "stdout", "stderr", "none" or a path.
    class Output {
    public:
        Result<void> open(const std::string& name);

    private:
        friend class AccessLog;
        std::string name_ = "none";
        UniqueFd fd_;
    };

    // Switches to this output. Cannot fail.
    void use(Output&& output);
    // Opens the same path again after log rotation. If that fails, the old output stays in use.
    Result<void> reopen();

    // Returns the number of lines lost because of a full disk or a pipe without a reader.
    std::uint64_t lost() const { return lost_; }

    // Wakes the writer early. Called when a ring is filling up.
    void hurry() { wake_.notify_one(); }

private:
    void run();
    bool write_out();
    void write_lines(std::string_view lines);
    std::size_t write_some(std::string_view bytes);

    std::vector<std::unique_ptr<Ring>> rings_;
    std::string output_ = "none";
    std::atomic<int> fd_{-1};
    std::vector<int> idle_; // previous outputs, replaced by "none"
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> lost_{0};
    bool torn_ = false; // the output ends in the middle of a line
    std::mutex mutex_;  // only for the writer's sleep
    std::condition_variable wake_;
    std::thread thread_;
};

// Checks whether the output could be opened now, without opening it. Fails with the reason if it could not.
Result<void> check_output(const std::string& output);

} // namespace weir::proxy::log
