// The access log: a ring for each worker, and one thread that writes them out. A slow or full disk, or a pipe that
// nobody reads, stops that thread alone; the rings fill, and lines are dropped and counted.
//
// Thread: `ring` for its worker; everything else on the control thread.
// Lifetime: must outlive the workers.
#pragma once

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
    ~AccessLog(); // writes what is left, as far as that goes at once

    Ring& ring(std::size_t worker) { return *rings_[worker]; }

    // An output that is open, but not in use yet: "stdout", "stderr", "none" or a path.
    class Output {
    public:
        Output() = default;
        ~Output();
        Output(const Output&) = delete;
        Output& operator=(const Output&) = delete;

        // Returns what went wrong, empty if nothing.
        std::string open(const std::string& name);

    private:
        friend class AccessLog;
        std::string name_ = "none";
        int fd_ = -1;
    };

    // Writes there from now on: nothing can fail any more.
    void use(Output&& output);
    // Opens the same path again, after it was moved away. Returns what went wrong: the old output stays then.
    std::string reopen();

    // Lines that the output did not take: a full disk, a pipe that nobody reads at the end.
    std::uint64_t lost() const { return lost_; }

    // Tells the writer that a ring fills up.
    void hurry() { wake_.notify_one(); }

private:
    void run();
    bool write_out();
    void write_lines(std::string_view lines);
    std::size_t write_some(std::string_view bytes);

    std::vector<std::unique_ptr<Ring>> rings_;
    std::string output_ = "none";
    std::atomic<int> fd_{-1};
    std::vector<int> idle_; // outputs left for "none"
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> lost_{0};
    bool torn_ = false; // the output ends in the middle of a line
    std::mutex mutex_;  // only for the writer's sleep
    std::condition_variable wake_;
    std::thread thread_;
};

} // namespace weir::proxy::log
