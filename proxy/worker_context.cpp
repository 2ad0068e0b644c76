#include "proxy/worker_context.h"

#include <cerrno>

namespace weir::proxy {

bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == ENOSPC ||
           error == EADDRNOTAVAIL;
}

void WorkerContext::enlist(ClientConnection& connection) {
    connection.next = connections;
    if (connections) connections->previous = &connection;
    connections = &connection;
    ++connection_count;
}

void WorkerContext::discharge(ClientConnection& connection) {
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
    return spare_idle() ? connection.socket.connect(loop, address, waker) : error;
}

void WorkerContext::note_outcome(const WorkerPool& pool, std::size_t member, BackendOutcome outcome) {
    const auto& ejection = pool.spec->config.outlier_ejection;
    const auto& backend = pool.spec->members[member].backend;
    if (outcome == BackendOutcome::error) backend->counters(index).errors.add();
    if (!ejection || pool.superseded) return; // it failed, or not, under a configuration that has gone
    if (outcome == BackendOutcome::success) return backend->note_success();
    const auto most = ejection->consecutive_errors;
    if (const auto count = backend->note_error(); count >= most && count % most == 0) report_errors(backend);
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
