#include "proxy/runtime/data_plane.h"

#include "proxy/worker/mirror_list.h"

#include <boost/system/errc.hpp>

#include <algorithm>
#include <thread>
#include <utility>

namespace weir::proxy {
namespace {

constexpr const char* output_path = "logging.access.output";

std::vector<conf::Address> addresses_of(const conf::Config& config) {
    std::vector<conf::Address> addresses;
    addresses.reserve(config.listeners.size());
    for (const auto& listener : config.listeners) addresses.push_back(listener.address);
    return addresses;
}

// Adds one problem for each listener that could not be bound, with advice.
void add_problems(const std::vector<ListenSockets::Prepared::Failure>& failures, const conf::Config& config,
                  std::vector<conf::Problem>& problems) {
    for (const auto& [address, error] : failures)
        for (const auto& listener : config.listeners) {
            if (listener.address != address) continue;
            auto text = "cannot bind " + address.text() + ": " + error.message();
            if (error.code() == boost::system::errc::address_in_use)
                text += " (stop the process that uses it, or choose another port)";
            if (error.code() == boost::system::errc::permission_denied)
                text += " (run as root, or grant CAP_NET_BIND_SERVICE)";
            problems.push_back({"listeners." + listener.name + ".address", std::move(text)});
        }
}

} // namespace

std::size_t DataPlane::worker_count(const conf::Process& process) {
    return process.workers.count ? process.workers.count : std::max(1u, std::thread::hardware_concurrency());
}

std::size_t DataPlane::max_copies(const conf::Process& process) {
    return worker_count(process) * MirrorList::max_copies;
}

DataPlane::DataPlane(boost::asio::io_context& control, const conf::Process& process, ErrorListener& listener)
    : counters_(worker_count(process)), access_log_(counters_.size()), sockets_(counters_.size()),
      workers_(control, counters_.size(), process.max_connections, access_log_, counters_, listener,
               process.state_dir) {}

DataPlane::Prepared DataPlane::bind(const conf::Config& config, std::vector<conf::Problem>& problems) {
    Prepared prepared{sockets_.prepare(addresses_of(config)), std::nullopt};
    add_problems(prepared.sockets.failures, config, problems);
    return prepared;
}

std::optional<conf::Problem> DataPlane::check_access_log(const conf::Config& config, const Snapshot& in_force) const {
    const auto& output = config.logging.access.output;
    if (output == in_force.config.logging.access.output) return std::nullopt;
    const auto can_open = log::check_output(output);
    if (can_open) return std::nullopt;
    return conf::Problem{output_path, can_open.error().message()};
}

void DataPlane::open(Prepared& prepared, const conf::Config& config, const Snapshot* in_force,
                     std::vector<conf::Problem>& problems) {
    const auto& output = config.logging.access.output;
    if (!in_force || output != in_force->config.logging.access.output) {
        const auto opened = prepared.output.emplace().open(output);
        if (!opened) return problems.push_back({output_path, opened.error().message()});
    }
    ListenSockets::listen(prepared.sockets);
    add_problems(prepared.sockets.failures, config, problems);
}

void DataPlane::commit(Prepared&& prepared) {
    for (const auto& address : sockets_.unused()) unused_.push_back(address.text());
    if (prepared.output) access_log_.use(std::move(*prepared.output));
    sockets_.commit(std::move(prepared.sockets));
}

void DataPlane::drain(const std::set<int>& kept_by_another, std::function<void()> drained) {
    sockets_.release();
    workers_.drain(kept_by_another, std::move(drained));
}

void DataPlane::stop() {
    sockets_.release();
    workers_.stop();
}

} // namespace weir::proxy
