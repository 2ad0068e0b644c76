// Records the outcomes of requests, TCP connections and tries in the counters, the access log and the error log.
//
// Thread: one worker's thread.
// Lifetime: the worker's context holds it; it keeps no part of a record.
#pragma once

#include "proxy/io/event_loop.h"
#include "proxy/log/access_line.h"
#include "proxy/log/access_log.h"
#include "proxy/log/failure_log.h"
#include "proxy/worker/worker_view.h"

namespace weir::proxy {

class TrafficRecorder {
public:
    // `view` is the worker's current view, whose configuration says how to log. All references must outlive this
    // object.
    TrafficRecorder(std::size_t worker, log::AccessLog& log, WorkerCounters& counters, const EventLoop& loop,
                    const WorkerViewPtr& view)
        : worker_(worker), log_(log), ring_(log.ring(worker)), counters_(counters), loop_(loop), view_(view) {}

    // Counts a finished request or TCP connection on its traffic path, and logs it.
    void record(const log::AccessRecord& record, TrafficStats& traffic);
    // Records a failed try on a backend for `weir status` and the error log, whatever the outcome of the request.
    void record_try(const log::AccessRecord& record, balancer::Backend& backend);

private:
    void write_access_line(const log::AccessRecord& record);

    const std::size_t worker_;
    log::AccessLog& log_;
    log::Ring& ring_;
    WorkerCounters& counters_;
    const EventLoop& loop_;
    const WorkerViewPtr& view_;
    log::LineClock clock_;
    log::FailureLog failures_;
};

} // namespace weir::proxy
