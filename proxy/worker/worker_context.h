// What a worker provides to its connections.
//
// Thread: one worker's thread.
// Lifetime: the worker owns it and outlives its connections.
#pragma once

#include "proxy/http1/date.h"
#include "proxy/http1/head.h"
#include "proxy/io/buffer.h"
#include "proxy/io/event_loop.h"
#include "proxy/log/access_line.h"
#include "proxy/log/access_log.h"
#include "proxy/log/failure_log.h"
#include "proxy/snapshot/traffic_path.h"
#include "proxy/worker/backend_outcome.h"
#include "proxy/worker/open_work.h"
#include "proxy/worker/retry_budget.h"
#include "proxy/worker/worker_view.h"

namespace weir::proxy {

// Room for a head of the default size and the first part of a body.
inline constexpr std::size_t head_block_size = 20 * 1024;
inline constexpr std::size_t body_block_size = 64 * 1024;

// Returns true if an errno means that this machine is short of a resource, which is not the fault of a peer.
bool is_shortage(int error);
// How long to wait before the next try to connect.
inline constexpr conf::Duration shortage_pause = std::chrono::milliseconds(50);

enum class Phase { serving, draining };

// A client's connection, as its worker sees it: in a list, so that the worker can drain or abort it.
class ClientConnection {
public:
    virtual ~ClientConnection() = default;
    virtual void drain() = 0;                                  // close as soon as nothing is lost
    virtual void abort() = 0;                                  // close now
    virtual bool uses_path(const TrafficPath& path) const = 0; // whatever runs on it
    virtual Activity activity() const = 0;                     // what runs on it

    ClientConnection *previous = nullptr, *next = nullptr; // in the worker's list
};

// One listening socket of one worker. It outlives a reload that keeps its address.
struct WorkerListener {
    std::shared_ptr<const ListenerSpec> spec;
    WorkerViewPtr view;           // the view that `spec` belongs to: a removed listener keeps its last one
    Phase phase = Phase::serving; // draining: it was removed from the configuration
};

struct WorkerContext {
    WorkerContext(std::size_t number, log::AccessLog& access_log, WorkerCounters& own)
        : index(number), log(access_log), ring(access_log.ring(number)), counters(own) {}

    const std::size_t index;
    log::AccessLog& log;
    log::Ring& ring;
    WorkerCounters& counters;
    EventLoop loop;
    BufferPool heads{head_block_size, 1024}, bodies{body_block_size, 64};
    WorkerViewPtr view;
    Phase phase = Phase::serving;
    log::LineClock clock;
    log::FailureLog failures;
    RetryBudget budget;
    http::DateClock date;
    http::RequestHead request;   // scratch: valid until the next head is read
    http::ResponseHead response; // likewise
    ClientConnection* connections = nullptr;
    std::size_t connection_count = 0;

    void register_client(ClientConnection& connection);
    void unregister_client(ClientConnection& connection); // lets a full worker accept again
    // Returns the value of a Date field, valid until the next call.
    std::string_view date_now() { return date.text(std::chrono::system_clock::now()); }
    // Counts a finished request or TCP connection on its traffic path, and logs it.
    void record(const log::AccessRecord& record, TrafficStats& traffic);
    // Records a failed try on a backend for `weir status` and the error log, whatever becomes of the request.
    void record_try(const log::AccessRecord& record, balancer::Backend& backend);
    virtual void on_room() {}                   // a connection has closed
    virtual bool spare_idle() { return false; } // closes idle backend connections; returns true if there were any

    // Begins to connect; closes idle connections if descriptors have run out. Returns errno, or 0 on success.
    int begin_connect(BackendConnection& connection, Waker& waker);

    // Notes what a request says about a backend. Reports the backend at the pool's limit of consecutive failures.
    void note_outcome(const WorkerPool& pool, std::size_t member, BackendOutcome outcome);
    virtual void report_errors(const balancer::BackendPtr&) {}

protected:
    ~WorkerContext() = default;

private:
    void write_access_line(const log::AccessRecord& record);
};

} // namespace weir::proxy
