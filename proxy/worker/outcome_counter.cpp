#include "proxy/worker/outcome_counter.h"

namespace weir::proxy {

void OutcomeCounter::note(const WorkerPool& pool, std::size_t member, BackendOutcome outcome) {
    const auto& ejection = pool.spec->config.outlier_ejection;
    const auto& backend = pool.spec->members[member].backend;
    if (outcome != BackendOutcome::success) backend->counters(worker_).errors.add();
    if (!ejection || pool.superseded) return; // the outcome belongs to an old configuration
    if (outcome != BackendOutcome::failure) return backend->note_success();
    const auto most = ejection->consecutive_errors;
    if (const auto count = backend->note_error(); count >= most && count % most == 0) events_.on_errors(backend);
}

void OutcomeCounter::note_missed_deadline(const WorkerPool& pool, std::size_t member) {
    pool.spec->members[member].backend->counters(worker_).errors.add();
}

} // namespace weir::proxy
