#include "proxy/worker/worker_context.h"

#include <cerrno>

namespace weir::proxy {

bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == ENOSPC ||
           error == EADDRNOTAVAIL || error == EAGAIN; // EAGAIN: the backlog of a unix socket is full at the moment
}

void WorkerContext::register_client(ClientConnection& connection) {
    connection.next = connections;
    if (connections) connections->previous = &connection;
    connections = &connection;
    ++connection_count;
}

void WorkerContext::unregister_client(ClientConnection& connection) {
    if (connection.next) connection.next->previous = connection.previous;
    if (connection.previous) connection.previous->next = connection.next;
    else connections = connection.next;
    --connection_count;
    on_room();
}

int WorkerContext::begin_connect(BackendConnection& connection, Waker& waker) {
    const auto& address = connection.link().backend().address();
    const int error = connection.socket.connect(loop, address, waker);
    if (!is_shortage(error)) return error;
    counters.shortages.add();
    if (error == EAGAIN) return error; // closing idle connections makes no room in a backlog
    return spare_idle() ? connection.socket.connect(loop, address, waker) : error;
}

void WorkerContext::note_outcome(const WorkerPool& pool, std::size_t member, BackendOutcome outcome) {
    const auto& ejection = pool.spec->config.outlier_ejection;
    const auto& backend = pool.spec->members[member].backend;
    if (outcome != BackendOutcome::success) backend->counters(index).errors.add();
    if (!ejection || pool.superseded) return; // the outcome belongs to an old configuration
    if (outcome != BackendOutcome::failure) return backend->note_success();
    const auto most = ejection->consecutive_errors;
    if (const auto count = backend->note_error(); count >= most && count % most == 0) report_errors(backend);
}

void WorkerContext::record(const log::AccessRecord& record, TrafficStats& traffic) {
    auto& counts = traffic.workers.own(index);
    if (record.protocol == conf::Protocol::http) counts.count_request(record.status, record.took);
    counts.count_failure(record.failure.reason);
    // A failure that the backend caused has been logged with the try.
    const bool logged = cause_of(record.failure.reason) == FailureCause::backend && !record.backend.empty();
    if (record.failure && !logged) failures.write(record, loop.now());
    write_access_line(record);
}

void WorkerContext::record_try(const log::AccessRecord& record, balancer::Backend& backend) {
    auto detail = log::describe_failure(record.failure);
    if (!record.offending.empty()) detail.append(": \"").append(record.offending).append("\"");
    backend.note_recent_error(index, std::chrono::system_clock::now(), word_of(record.failure.reason).data(), detail);
    failures.write(record, loop.now());
}

void WorkerContext::write_access_line(const log::AccessRecord& record) {
    const auto& access = view->snapshot->config.logging.access;
    if (access.output == "none") return;
    const auto room = ring.reserve(log::longest_line);
    if (room.empty()) return counters.log_lines_dropped.add();
    clock.update(std::chrono::system_clock::now());
    if (ring.commit(log::format_line(room, record, clock, access.format))) log.hurry();
}

} // namespace weir::proxy
