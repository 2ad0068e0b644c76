#include "tests/unit/support/reload_site.h"

#include "conf/store/last_good.h"
#include "lock/lease/local_lock.h"

#include <fstream>
#include <random>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir::test {

namespace asio = boost::asio;
using namespace proxy;

// Ports from 32768 on are ephemeral: the kernel may give a free one to any connection before the test uses it.
LoopbackPort::LoopbackPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::random_device random;
    std::uniform_int_distribution<int> ports(10000, 30000);
    for (int tries = 0; tries < 100; ++tries) {
        number_ = static_cast<std::uint16_t>(ports(random));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(number_);
        const auto* const any = reinterpret_cast<const sockaddr*>(&address);
        if (::bind(socket_.get(), any, sizeof address) == 0 && ::listen(socket_.get(), 1) == 0) return;
    }
    throw std::runtime_error("cannot find a free port");
}

ReloadSite::ReloadSite(std::string reload) : reload_(std::move(reload)) {
    port.release();
    write(1);
    auto loaded = conf::load(path());
    if (!loaded.ok()) throw std::runtime_error(loaded.errors.front().text());
    runtime.emplace(control, loaded.config.process);
    parts.emplace(control, *runtime, path(), directory.path, files);
    reloader.emplace(control, *parts);
    const auto errors = wait(reloader->start(std::move(loaded)));
    if (!errors.empty()) throw std::runtime_error(errors.front());
}

ReloadSite::~ReloadSite() {
    reloader->close(Presence::ends);
    parts->wait_idle();
    clock.settle(); // the results of the disk threads arrive on this thread
    reloader.reset();
    parts.reset();
    runtime.reset();
}

std::string ReloadSite::text(int backends, const std::string& listeners) const {
    std::string list;
    for (int i = 1; i <= backends; ++i) list += "\"127.0.0.1:" + std::to_string(i) + "\", ";
    return "listeners: {web: {address: \"" + port.text() + "\", pool: web}, " + listeners + "}\n" +
           "pools: {web: {backends: [" + list + "]}}\n" + //
           "process: {workers: 1, state_dir: " + directory.path.string() + "}\n" +
           "logging: {level: error, access: {output: none}}\n" + //
           "reload: " + reload_ + "\n";
}

std::string ReloadSite::write(const std::string& text) {
    std::ofstream(path() + ".new") << text;
    std::filesystem::rename(path() + ".new", path());
    return conf::load(path()).hash;
}

ReloadReport ReloadSite::reload(Force force) { return end(begin_reload(force)); }

ReloadSite::Report ReloadSite::begin_reload(Force force) {
    const auto report = std::make_shared<std::optional<ReloadReport>>();
    asio::co_spawn(control, reloader->request_and_wait(ReloadTrigger::command, force),
                   [report](const std::exception_ptr&, ReloadReport value) { *report = std::move(value); });
    return report;
}

ReloadSite::Report ReloadSite::begin_window() {
    auto report = begin_reload();
    wait_until([&] { return parts->canary.window().is_open(); });
    return report;
}

ReloadReport ReloadSite::end(const Report& report) {
    wait_until([&] { return report->has_value(); });
    return **report;
}

void ReloadSite::wait_until(const std::function<bool()>& condition) {
    if (!clock.run_until(condition)) throw std::runtime_error("the test waits for something that does not happen");
}

void ReloadSite::set_verdicts(balancer::Verdict verdict) {
    for (const auto& pool : runtime->snapshot()->pools)
        for (const auto& member : pool->members) member.backend->set_verdict(verdict);
}

std::string ReloadSite::last_good() const {
    const auto good = conf::LastGoodStore(directory.path, path()).read();
    return good ? good->hash : "";
}

UniqueFd hold_lock(const ReloadSite& site) {
    const auto path = lock::local_lock_path(site.directory.path);
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) throw std::runtime_error("the lock is held");
    return file;
}

} // namespace weir::test
