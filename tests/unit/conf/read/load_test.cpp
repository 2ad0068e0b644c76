#include "conf/base/hash.h"
#include "conf/read/load.h"
#include "tests/catch.h"
#include "tests/support/temp_directory.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

using namespace weir::conf;
using weir::tests::TempDirectory;

namespace {

const std::string whole = R"(
listeners:
  web: {address: "127.0.0.1:8080", pool: web}
pools:
  web:
    backends: ["127.0.0.1:9001", {name: two, address: "127.0.0.1:9002", weight: 3}]
)";

std::optional<std::string> no_variables(const std::string&) { return std::nullopt; }

std::vector<std::string> texts(const std::vector<ConfigError>& errors) {
    std::vector<std::string> out;
    for (const auto& error : errors) out.push_back(error.text());
    return out;
}

std::vector<std::string> errors_of(const std::string& text, const Lookup& lookup = no_variables) {
    return texts(load_text(text, "weir.yaml", lookup).errors);
}

// Returns the errors of `whole` with more sections appended.
std::vector<std::string> errors_with(const std::string& sections, const Lookup& lookup = no_variables) {
    return errors_of(whole + sections + "\n", lookup);
}

// Returns the errors of `whole` with more keys in its pool.
std::vector<std::string> errors_in_pool(const std::string& keys) { return errors_with("    " + keys); }

bool has(const std::vector<std::string>& errors, const std::string& part) {
    return std::any_of(errors.begin(), errors.end(), [&](const auto& e) { return e.find(part) != std::string::npos; });
}

} // namespace

TEST_CASE("a small file is whole, with every default in place") {
    const auto loaded = load_text(whole, "weir.yaml", no_variables);
    REQUIRE(errors_of(whole).empty());
    const auto& config = loaded.config;
    CHECK(config.listeners.at(0).name == "web");
    CHECK(config.pools.at(0).backends.at(0).name == "127.0.0.1:9001");
    CHECK(config.pools.at(0).backends.at(1).weight == 3);
    CHECK(config.timeouts == Timeouts{});
    CHECK(config.limits.header_size.bytes == 16384);
    CHECK(config.reload.lock.type == LockType::local);
}

TEST_CASE("all errors of a file are reported at once, with place and path") {
    const auto errors = errors_of(R"(listeners:
  web: {adress: "127.0.0.1:8080", pool: webb}
pools:
  web:
    algoritm: round_robin
    backends: ["127.0.0.1:9001", {address: "10.0.0.300:1"}, "127.0.0.1:9001"]
timeouts: {connect: 3, response: 010s}
)");
    CHECK(has(errors, "weir.yaml:2:9: listeners.web: unknown key \"adress\" (did you mean \"address\"?)"));
    CHECK(has(errors, "weir.yaml:2:8: listeners.web: \"address\" is missing"));
    CHECK(has(errors, "listeners.web.pool: unknown pool \"webb\" (did you mean \"web\"?)"));
    CHECK(has(errors, "weir.yaml:5:5: pools.web: unknown key \"algoritm\""));
    CHECK(has(errors, "weir.yaml:6:44: pools.web.backends[1].address: \"10.0.0.300\" is not an IP address"));
    CHECK(has(errors, "pools.web.backends[2].address: duplicate address 127.0.0.1:9001"));
    CHECK(has(errors, "weir.yaml:7:21: timeouts.connect: a duration needs a unit: 3s"));
    CHECK(has(errors, "timeouts.response: \"010s\" is not a duration"));
    CHECK(errors.size() == 8);
}

TEST_CASE("a key that is not implemented yet is refused, not ignored") {
    CHECK(has(errors_with("admin: {address: \"127.0.0.1:1\", dashboard: true}"), "not supported yet"));
}

TEST_CASE("what only a fleet can do is refused without one") {
    CHECK(has(errors_with("reload: {source: fleet}"), "reload.source: lock: {type: local} has no fleet"));
    CHECK(has(errors_with("reload: {lock: {parallel: 3}}"), "reload.lock.parallel: has no effect with type: local"));
    const auto lock = [](const std::string& more) {
        return errors_with("reload: {source: fleet, lock: {type: redis, servers: [{url: \"redis://a\"}]" + more + "}}");
    };
    for (const char* good : {"", ", parallel: 3", ", parallel: 25%", ", parallel: 100%"}) CHECK(lock(good).empty());
    CHECK(has(lock(", parallel: 0"), "is not a whole number from 1 to 1000"));
    CHECK(has(lock(", parallel: 0%"), "at least one at a time"));
    CHECK(has(lock(", parallel: many"), "is not a whole number"));
    const auto server = [](const std::string& more) {
        return errors_with("reload: {lock: {type: redis, servers: [{url: \"redis://a\", " + more + "}]}}");
    };
    CHECK(has(server("username: x"), "username: needs a password as well"));
    CHECK(has(server("sentinel_password: x"), "has no effect without sentinel://"));
}

TEST_CASE("a share of machines is at least one") {
    using weir::conf::Parallel;
    using weir::conf::Percent;
    CHECK(Parallel{3, {}}.of(100) == 3);
    CHECK(Parallel{1, Percent{25}}.of(12) == 3);
    CHECK(Parallel{1, Percent{25}}.of(3) == 1);
    CHECK(Parallel{1, Percent{100}}.of(7) == 7);
}

TEST_CASE("balancing that cannot work as written is refused with the reason") {
    struct Row {
        const char *part, *error;
    };
    const Row rows[] = {
        {"resolve_every: 30s", "pools.web.resolve_every: has no effect: no backend of this pool has a host name"},
        {"hash: {on: path}", "pools.web.hash: has no effect without algorithm: hash"},
        {"algorithm: hash\n    hash: {on: header}", "pools.web.hash: \"name\" is missing: which header"},
        {"algorithm: hash\n    hash: {on: header, name: \"a b\"}", "pools.web.hash.name: \"a b\" is not a header name"},
        {"algorithm: hash\n    hash: {on: cookie, name: a=b}", "is not a valid cookie name"},
        {"algorithm: hash\n    hash: {on: path, name: x}",
         "has no effect with this hash.on: only a header or a cookie has a name"},
        {"algorithm: hsh", "(did you mean \"hash\"?)"},
        {"sticky: {cookie: \"a;b\"}", "pools.web.sticky.cookie: \"a;b\" is not a valid cookie name"},
        {"sticky: {ttl: 1500ms}", "pools.web.sticky.ttl: must be whole seconds: cookies allow nothing finer"},
        {"queue: {max: 5}", "pools.web.queue: no backend of this pool has max_connections"},
        {"outlier_ejection: {base_time: 0s}", "pools.web.outlier_ejection.base_time"},
    };
    for (const auto& [part, error] : rows) {
        INFO(part);
        CHECK(has(errors_in_pool(part), error));
    }
    CHECK(has(errors_of("listeners: {a: {address: \"127.0.0.1:1\", pool: p}}\n"
                        "pools: {p: {backends: [{address: \"127.0.0.1:2\", backup: true}]}}\n"),
              "every backend is a backup"));
    const std::string tcp = "listeners: {a: {address: \"127.0.0.1:1\", protocol: tcp, pool: p}}\n";
    CHECK(
        has(errors_of(tcp + "pools: {p: {sticky: {cookie: x}, backends: [\"127.0.0.1:2\"]}}\n"), "cookies need HTTP"));
    CHECK(has(errors_of(tcp + "pools: {p: {algorithm: hash, hash: {on: path}, backends: [\"127.0.0.1:2\"]}}\n"),
              "a TCP connection has only a source_ip"));
}

TEST_CASE("hostile YAML gets one clear error") {
    struct Row {
        std::string text;
        const char* error;
    };
    const Row rows[] = {
        {"", "the file is empty"},
        {"# nothing\n", "the file is empty"},
        {"---\n", "the file is empty"},
        {std::string(20000, '['), "nested deeper than 32 levels"},
        {std::string(20000, '{'), "nested deeper than 32 levels"},
        {"a: &x 1\nb: *x\n", "a: anchors"},
        {"a: &x 1\nb: *x\n", "b: aliases"},
        {"a: *x\n", "not valid YAML"},
        {"&a [*a]\n", "anchors"},
        {"a: !!binary aGVsbG8=\n", "tags"},
        {"<<: {a: 1}\n", "merges"},
        {std::string("a: \0b\n", 6), "control character 0x00"},
        {"a: \x1b[31m\n", "control character 0x1b"},
        {"listeners: {web: {addr", "not valid YAML"},
        {"listeners:\n\tweb: 1\n", "not valid YAML"},
        {"a: 1\n---\nb: 2\n", "more than one YAML document"},
        {"? [a, b]\n: 1\n", "a key must be a plain word"},
        {"just text\n", "expected a mapping"},
        {"[1, 2]\n", "expected a mapping"},
    };
    for (const auto& row : rows) {
        INFO(row.text.substr(0, 40));
        const auto errors = errors_of(row.text);
        REQUIRE_FALSE(errors.empty());
        CHECK(has(errors, row.error));
    }
}

TEST_CASE("what the dialect does not have hides no other error") {
    const auto errors = errors_of(
        "listeners:\n  web: &x {adress: 1, pool: web}\n  more: *x\npools: !!map\n  web: {<<: {a: 1}, backends: "
        "[\"127.0.0.1:1\"], backends: []}\n");
    CHECK(has(errors, "weir.yaml:2:8: listeners.web: anchors"));
    CHECK(has(errors, "weir.yaml:3:9: listeners.more: aliases"));
    CHECK(has(errors, "pools: tags"));
    CHECK(has(errors, "pools.web: merges"));
    CHECK(has(errors, "pools.web: duplicate key \"backends\""));
    CHECK(has(errors, "unknown key \"adress\""));
}

TEST_CASE("a flood of errors costs little and is cut short") {
    std::string keys, names, list = "pools: {web: {backends: [";
    for (int i = 0; i < 60000; ++i) {
        keys += "a: 1\n";
        names += "k" + std::to_string(i) + ": 1\n";
        list += "x,";
    }
    for (const auto& text : {keys, names, list + "]}}\n"}) {
        const auto errors = errors_of(text);
        CHECK(errors.size() <= 102);
        CHECK(errors.size() >= 100);
    }
    std::string values = "a: [";
    for (int i = 0; i < 260000; ++i) values += "x,";
    CHECK(has(errors_of(values + "]\n"), "more than 250,000 values"));
}

TEST_CASE("a duplicate key is an error at its second place and hides no other") {
    const auto errors = errors_with("timeouts: {connect: 1s}\ntimeouts: {connect: 2s}\nadmin: {adress: x}");
    CHECK(has(errors, "weir.yaml:8:1: duplicate key \"timeouts\""));
    CHECK(has(errors, "unknown key \"adress\""));
}

TEST_CASE("octal numbers, signs and floats are no numbers") {
    for (const char* weight : {"010", "-1", "+1", "1.5", "0", "257", "1e2", "0x1"}) {
        INFO(weight);
        const auto errors =
            errors_of("listeners: {web: {address: \"127.0.0.1:1\", pool: web}}\npools: {web: {backends: [{address: "
                      "\"127.0.0.1:2\", weight: " +
                      std::string(weight) + "}]}}\n");
        CHECK(has(errors, "pools.web.backends[0].weight"));
    }
}

TEST_CASE("environment values are put in, with defaults and escapes") {
    const Lookup lookup = [](const std::string& name) {
        return name == "PORT" ? std::optional<std::string>("8080") : std::nullopt;
    };
    const auto loaded = load_text(
        "listeners: {web: {address: \"127.0.0.1:${PORT}\", pool: \"${POOL:-web}\"}}\n"
        "pools: {web: {backends: [\"127.0.0.1:9\"]}}\n"
        "routes: [{pool: web, match: {path_regex: \"^/([0-9]+|a$)$\"}, request_headers: {set: {X-Price: \"5$$\"}}}]\n",
        "weir.yaml", lookup);
    REQUIRE(loaded.ok());
    CHECK(loaded.config.listeners[0].address.port() == 8080);
    CHECK(loaded.config.routes[0].request_headers.set[0].second == "5$");
    CHECK(loaded.config.routes[0].match.path_regex == "^/([0-9]+|a$)$");
    CHECK(has(errors_with("admin: {token_file: \"${NOT_SET}\"}"), "NOT_SET is not set"));
    CHECK(has(errors_with("admin: {token_file: \"$x\"}"), "write $$"));
    CHECK(has(errors_with("admin: {token_file: \"${x\"}"), "not closed"));
}

TEST_CASE("included files add up, and name themselves in their errors") {
    const TempDirectory directory;
    std::filesystem::create_directory(directory.path / "conf.d");
    const auto main = directory.write(
        "weir.yaml", "listeners: {web: {address: \"127.0.0.1:1\", pool: a}}\ninclude: [conf.d/*.yaml]\n");
    directory.write("conf.d/a.yaml", "pools: {a: {backends: [\"127.0.0.1:2\"]}}\n");
    directory.write("conf.d/b.yaml",
                    "pools: {b: {backends: [\"127.0.0.1:3\"]}}\nroutes: [{pool: b, match: {path_prefix: /b}}]\n");
    const auto loaded = load(main, no_variables);
    REQUIRE(loaded.ok());
    CHECK(loaded.config.pools.size() == 2);
    CHECK(loaded.files.size() == 3);

    directory.write("conf.d/b.yaml", "pools: {a: {backends: []}}\ninclude: [x]\n");
    const auto errors = texts(load(main, no_variables).errors);
    CHECK(has(errors, "b.yaml:1:9: pools.a: is already defined in"));
    CHECK(has(errors, "b.yaml:2:1: include: only the main file"));
    CHECK(load(main, no_variables).hash != loaded.hash);
}

TEST_CASE("a pattern that cannot be expanded is an error, not an empty list") {
    const TempDirectory directory;
    const auto text =
        "listeners: {web: {address: \"127.0.0.1:1\", pool: a}}\npools: {a: {backends: [\"127.0.0.1:2\"]}}\n";
    CHECK(load(directory.write("weir.yaml", std::string(text) + "include: [none/*.yaml]\n"), no_variables).ok());
    const auto main = directory.write("weir.yaml", std::string(text) + "include: [loop/*.yaml]\n");
    std::filesystem::create_symlink("loop", directory.path / "loop");
    const auto loaded = load(main, no_variables);
    REQUIRE(loaded.errors.size() == 1);
    CHECK(loaded.errors[0].text().find("loop/*.yaml: Too many levels") != std::string::npos);
}

TEST_CASE("a file that cannot be read says so") {
    const auto loaded = load("/nonexistent/weir.yaml", no_variables);
    REQUIRE(loaded.errors.size() == 1);
    CHECK(loaded.errors[0].text() == "/nonexistent/weir.yaml: cannot be read: No such file or directory");
    CHECK(load("/dev/zero", no_variables).errors.at(0).reason == "not a regular file");
}

TEST_CASE("a file replaced while it is read is entirely the old or the new one") {
    const TempDirectory directory;
    const auto path = directory.write("weir.yaml", whole);
    const auto longer = whole + "limits: {header_count: 50}\n";
    std::atomic<bool> over = false;
    std::thread editor([&] {
        for (bool odd = true; !over; odd = !odd)
            std::filesystem::rename(directory.write("aside", odd ? longer : whole), path);
    });
    std::set<std::string> seen;
    for (int i = 0; i < 2000; ++i) seen.insert(load(path).hash);
    over = true;
    editor.join();
    seen.erase(sha256_hex(whole));
    seen.erase(sha256_hex(longer));
    CHECK(seen.empty());
}

TEST_CASE("the hash is sha256sum's") {
    const TempDirectory directory;
    const auto loaded = load(directory.write("weir.yaml", "abc"), no_variables);
    CHECK(loaded.hash == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("an admin API off loopback needs a token") {
    CHECK(has(errors_with("admin: {address: \"0.0.0.0:9901\"}"), "needs a token"));
    CHECK(errors_with("admin: {address: \"0.0.0.0:9901\", token_file: /etc/weir/token}").empty());
    CHECK(has(errors_with("admin: {address: \"127.0.0.1:8080\", token_file: /x}"),
              "duplicate address: listener web has it"));
    CHECK(errors_with("admin: {address: \"unix:/run/weir.sock\"}").empty());
}

TEST_CASE("a member needs a name of its own: literals and defaults are refused") {
    const auto errors = [](const std::string& member, const std::string& name) {
        return errors_with(
            "reload: {lock: {type: redis, fleet: prod, member: \"" + member +
                "\", servers: [{url: \"redis://127.0.0.1:1/0\"}]}}",
            [&](const std::string& asked) { return asked == "NAME" ? std::optional(name) : std::nullopt; });
    };
    CHECK(has(errors("lb-01", "lb-07"), "different on each machine"));
    CHECK(errors("${NAME:-lb-01}", "lb-07").empty());
    CHECK(errors("x-${NAME}", "lb-07").empty());
    CHECK(errors("${NAME:-}", "").empty()); // the host name
    for (const std::string taken : {"${NAME:-lb-01}", "${NAME:-${OTHER:-lb-01}}", "lb-01${NAME:-}"}) {
        INFO(taken);
        CHECK(has(errors(taken, ""), "the default \"lb-01\" is no machine's own name"));
    }
}
