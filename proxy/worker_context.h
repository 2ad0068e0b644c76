// What a worker lends to the connections that it carries.
//
// Thread: one worker's thread.
// Lifetime: the worker owns it and outlives its connections.
#pragma once

#include "proxy/http/head.h"
#include "proxy/http/retry.h"
#include "proxy/io/buffer.h"
#include "proxy/io/event_loop.h"
#include "proxy/log/access_line.h"
#include "proxy/log/access_log.h"
#include "proxy/view.h"
#include "proxy/way.h"

namespace weir::proxy {

// A head of the default size and, beside it, room for the first part of a body.
inline constexpr std::size_t head_block_size = 20 * 1024;
inline constexpr std::size_t body_block_size = 64 * 1024;

// Whether an errno tells of a shortage on this machine, which no peer is to blame for.
bool is_shortage(int error);
// How long one waits for another try.
inline constexpr conf::Duration shortage_pause = std::chrono::milliseconds(50);

enum class Phase { serving, draining };
enum class BackendOutcome { success, error };

// A client's connection, as the worker sees it: in a list, to be told when the end is near.
class ClientConnection {
public:
    virtual ~ClientConnection() = default;
    virtual void drain() = 0;                       // end as soon as nothing is lost
    virtual void abort() = 0;                       // end now
    virtual bool came_by(const Way& way) const = 0; // whatever is under way on it

    ClientConnection *previous = nullptr, *next = nullptr; // the worker's list
};

// One listening socket of one worker. It outlives a reload that keeps its address.
struct WorkerListener {
    std::shared_ptr<const ListenerSpec> spec;
    ViewPtr view;                 // the one that `spec` belongs to: a listener that has left keeps its last
    Phase phase = Phase::serving; // draining: it has left the configuration
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
    ViewPtr view;
    Phase phase = Phase::serving;
    log::LineClock clock;
    http::RetryBudget budget;
    http::RequestHead request;   // scratch: valid until the next head is read
    http::ResponseHead response; // likewise
    ClientConnection* connections = nullptr;
    std::size_t connection_count = 0;

    void enlist(ClientConnection& connection);
    void discharge(ClientConnection& connection); // a full worker may accept again
    void write_access_line(const log::AccessRecord& record);
    virtual void on_room() {}                   // a connection has gone
    virtual bool spare_idle() { return false; } // closes idle backend connections; whether there were any

    // Begins to connect to the backend; idle connections make room where descriptors have run out. Returns errno, 0
    // while it goes well.
    int begin_connect(BackendConnection& connection, Waker& waker);

    // What live traffic says of a backend: as many errors in a row as the pool allows are reported.
    void note_outcome(const WorkerPool& pool, std::size_t member, BackendOutcome outcome);
    virtual void report_errors(const balancer::BackendPtr&) {}

protected:
    ~WorkerContext() = default;
};

} // namespace weir::proxy
