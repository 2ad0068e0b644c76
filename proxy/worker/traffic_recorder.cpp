#include "proxy/worker/traffic_recorder.h"

namespace weir::proxy {

void TrafficRecorder::record(const log::AccessRecord& record, TrafficStats& traffic) {
    auto& counts = traffic.workers.own(worker_);
    if (record.protocol == conf::Protocol::http) counts.count_request(record.status, record.durations.took);
    counts.count_failure(record.failure.reason);
    // A failure that the backend caused has been logged with the try.
    const bool logged = cause_of(record.failure.reason) == FailureCause::backend && !record.path.backend.empty();
    if (record.failure && !logged) failures_.write(record, loop_.now());
    write_access_line(record);
}

void TrafficRecorder::record_try(const log::AccessRecord& record, balancer::Backend& backend) {
    auto detail = log::describe_failure(record.failure);
    if (!record.offending.empty()) detail.append(": \"").append(record.offending).append("\"");
    backend.note_recent_error(worker_, std::chrono::system_clock::now(), word_of(record.failure.reason).data(), detail);
    failures_.write(record, loop_.now());
}

void TrafficRecorder::write_access_line(const log::AccessRecord& record) {
    const auto& access = view_->snapshot->config.logging.access;
    if (access.output == "none") return;
    const auto room = ring_.reserve(log::longest_line);
    if (room.empty()) return counters_.log_lines_dropped.add();
    clock_.update(std::chrono::system_clock::now());
    if (ring_.commit(log::format_line(room, record, clock_, access.format))) log_.hurry();
}

} // namespace weir::proxy
