#include "proxy/admin/status.h"
#include "proxy/cli/admin_client.h"
#include "proxy/cli/child.h"
#include "proxy/cli/commands.h"
#include "proxy/cli/demo/load.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

#include <unistd.h>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

constexpr int backends = 3, clients = 4, reloads = 20;
constexpr auto max_wait = std::chrono::seconds(30);

std::uint16_t free_port() {
    boost::asio::io_context context;
    const boost::asio::ip::tcp::acceptor acceptor(context, {boost::asio::ip::address_v4::loopback(), 0});
    return acceptor.local_endpoint().port();
}

// The demo's setup: a directory, three backends and a weir, all real processes. Each step returns whether it succeeded.
class Demo {
public:
    Demo() {
        char name[] = "/tmp/weir-demo-XXXXXX";
        if (!::mkdtemp(name)) throw std::runtime_error("cannot make a directory in /tmp");
        directory_ = name;
    }
    ~Demo() { std::filesystem::remove_all(directory_); }

    bool start();
    bool share_requests();
    bool kill_and_return();
    bool reload_under_load();
    void show_addresses() const;

private:
    std::string path(const std::string& name) const { return (directory_ / name).string(); }
    void start_backend(int i) {
        processes_[i] =
            Child({"demo-backend", "--name", name(i), "--listen", address(ports_[i])}, path("backends.log"));
    }
    void write_config(int weight) const;
    std::string state_of(int backend) const;
    std::string reload() const;
    static std::string name(int i) { return "backend-" + std::to_string(i + 1); }
    static std::string address(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
    static bool eventually(const std::function<bool()>& condition);
    static bool say(bool well, const std::string& what);

    std::filesystem::path directory_;
    std::uint16_t ports_[backends] = {}, web_ = 0, admin_ = 0;
    Child processes_[backends], weir_;
};

bool Demo::eventually(const std::function<bool()>& condition) {
    for (const auto until = std::chrono::steady_clock::now() + max_wait; std::chrono::steady_clock::now() < until;) {
        if (condition()) return true;
        sigset_t pending;
        ::sigpending(&pending);
        if (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM)) return false;
        ::usleep(5000);
    }
    return false;
}

bool Demo::say(bool well, const std::string& what) {
    std::cout << (well ? "  ok    " : "  FAIL  ") << what << std::endl;
    return well;
}

void Demo::write_config(int weight) const {
    std::ofstream out(path("weir.yaml.new"));
    out << "# Edit me: weir notices.\nlisteners:\n  web: {address: \"" << address(web_)
        << "\", pool: web}\npools:\n  web:\n    backends:\n";
    for (int i = 0; i < backends; ++i)
        out << "      - {name: " << name(i) << ", address: \"" << address(ports_[i])
            << "\", weight: " << (i == 0 ? weight : 1) << "}\n";
    out << "    health_check: {type: http, path: /healthz, interval: 200ms, timeout: 150ms, fall: 3, rise: 2}\n"
        << "process: {workers: 1, state_dir: " << path("state") << "}\nadmin: {address: \"" << address(admin_)
        << "\"}\n"
        << "logging: {access: {output: " << path("access.log") << "}}\n";
    out.close();
    std::filesystem::rename(path("weir.yaml.new"), path("weir.yaml"));
}

std::string Demo::state_of(int backend) const {
    const auto answer = call_admin(*Endpoint::parse(address(admin_)), {AdminMethod::get, "/api/v1/status"});
    if (!answer || answer->status != 200) return "";
    return std::string(json::parse(answer->body)
                           .at("pools")
                           .at(0)
                           .at("backends")
                           .at(static_cast<std::size_t>(backend))
                           .at("state")
                           .as_string());
}

std::string Demo::reload() const {
    const auto answer = call_admin(*Endpoint::parse(address(admin_)), {AdminMethod::post, "/api/v1/reload?wait=1"});
    if (!answer) return answer.error().message();
    return std::string(json::parse(answer->body).at("verdict").as_string());
}

bool Demo::start() {
    web_ = free_port(), admin_ = free_port();
    for (int i = 0; i < backends; ++i) {
        ports_[i] = free_port();
        start_backend(i);
    }
    write_config(1);
    weir_ = Child({"run", "-c", path("weir.yaml")}, path("weir.log"));
    const bool up = eventually([&] { return state_of(0) == "up" && state_of(1) == "up" && state_of(2) == "up"; });
    return say(up, "three backends and weir are up, health checks pass");
}

bool Demo::share_requests() {
    auto answers = ask(web_, 9);
    std::string shares;
    bool even = true;
    for (int i = 0; i < backends; ++i) {
        shares += (i ? "/" : "") + std::to_string(answers[name(i)]);
        even = even && answers[name(i)] == 3;
    }
    return say(even, "9 requests are shared " + shares);
}

bool Demo::kill_and_return() {
    const Load load(web_, clients);
    bool well = eventually([&] { return load.answered() > 200; });
    processes_[1].kill();
    const auto killed = std::chrono::steady_clock::now();
    well = eventually([&] { return state_of(1) == "down"; }) && well;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - killed);
    well = say(well, name(1) + " is killed under load and ejected after " + std::to_string(took.count()) +
                         " ms (interval 200 ms, fall 3)");
    well = say(load.failed() == 0, std::to_string(load.answered()) + " requests during that time, " +
                                       std::to_string(load.failed()) + " failed") &&
           well;
    start_backend(1);
    const bool back = eventually([&] { return state_of(1) == "up"; });
    return say(back, name(1) + " is started again and comes back automatically") && well;
}

bool Demo::reload_under_load() {
    const Load load(web_, clients);
    int applied = 0;
    for (int i = 0; i < reloads; ++i) {
        const auto before = load.answered();
        write_config(i % 2 ? 1 : 2);
        const auto verdict = reload();
        // The file watch may have been faster than the command, which then finds nothing to do.
        applied += verdict == "applied" || verdict == "unchanged";
        eventually([&] { return load.answered() > before + 50; });
    }
    const bool well =
        say(applied == reloads, "the YAML is edited and reloaded " + std::to_string(applied) + " times under load");
    return say(load.failed() == 0, std::to_string(load.answered()) + " requests during that time, " +
                                       std::to_string(load.failed()) + " failed") &&
           well;
}

void Demo::show_addresses() const {
    std::cout << "\nThe demo keeps running. Try it from another terminal:\n"
              << "  curl http://" << address(web_) << "/\n"
              << "  curl http://" << address(admin_) << "/metrics\n"
              << "  weir status --admin " << address(admin_) << "\n"
              << "  kill " << processes_[0].id() << "                     # " << name(0) << "\n"
              << "  edit " << path("weir.yaml") << "   # weir reloads automatically\n"
              << "Press Ctrl-C to stop." << std::endl;
}

} // namespace

ExitCode demo(DemoEnd end) {
    // Blocked, so that the demo can end its child processes first.
    sigset_t endings;
    sigemptyset(&endings);
    sigaddset(&endings, SIGINT);
    sigaddset(&endings, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &endings, nullptr);
    std::cout << "weir demo" << std::endl;
    Demo demo;
    const bool well = demo.start() && demo.share_requests() && demo.kill_and_return() && demo.reload_under_load();
    if (end == DemoEnd::stay_up && well) {
        demo.show_addresses();
        int number = 0;
        ::sigwait(&endings, &number);
    }
    std::cout << (well ? "all well" : "something failed") << std::endl;
    return well ? ExitCode::done : ExitCode::refused;
}

} // namespace weir::proxy::cli
