#include "proxy/reload/reloader.h"
#include "tests/catch.h"
#include "tests/unit/support/reload_site.h"

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;
using weir::test::LoopbackPort;
using weir::test::ReloadSite;

namespace {

// A site with a change that is refused until `taken` is released.
class Blocked {
public:
    Blocked() {
        hash = site.write(site.text(2, "more: {address: \"" + taken.text() + "\", pool: web}"));
        site.reload();
    }
    const PendingReload& pending() const { return *site.reloader->pending(); }
    // Waits for this attempt, and returns the pause after it.
    std::chrono::system_clock::duration pause_after(unsigned attempt) {
        site.wait_until([&] { return pending().attempts == attempt && pending().next_try; });
        return *pending().next_try - site.clock.wall_now();
    }

    ReloadSite site{"{}"};
    LoopbackPort taken;
    std::string hash;
};

} // namespace

TEST_CASE("the first configuration is reported, and counts as no reload") {
    ReloadSite site;
    CHECK(site.reloader->last().verdict == ReloadVerdict::applied);
    CHECK(site.reloader->last().trigger == ReloadTrigger::start);
    CHECK(site.reloader->last().hash == site.hash_in_force());
    CHECK(site.reloader->last().at == site.clock.wall_now());
    CHECK(site.reloader->counts().applied == 0);
}

TEST_CASE("triggers that arrive during a reload lead to one further reload") {
    ReloadSite site;
    site.write(2);
    const auto first = site.begin_window();
    site.reloader->request(ReloadTrigger::signal);
    site.reloader->request_if_changed(ReloadTrigger::watch);
    site.reloader->request(ReloadTrigger::signal);
    CHECK(site.end(first).verdict == ReloadVerdict::applied);
    site.wait_until([&] { return !site.reloader->in_progress() && site.reloader->counts().unchanged > 0; });
    site.clock.run_for(1min);
    CHECK(site.reloader->counts().applied == 1);
    CHECK(site.reloader->counts().unchanged == 1);
    CHECK(site.reloader->last().trigger == ReloadTrigger::signal);
}

TEST_CASE("a trigger of the watch without a change does nothing") {
    ReloadSite site("{}");
    site.reloader->request_if_changed(ReloadTrigger::watch);
    site.wait_until([&] { return site.reloader->in_progress(); });
    site.wait_until([&] { return !site.reloader->in_progress(); });
    CHECK(site.reloader->counts().unchanged == 0);
    CHECK(site.reloader->last().trigger == ReloadTrigger::start);
}

TEST_CASE("a newer file ends the window of the previous change") {
    ReloadSite site("{rollback: {window: 20m}}");
    const auto older = site.write(2);
    const auto first = site.begin_window();
    const auto newer = site.write(3);
    site.reloader->request_if_changed(ReloadTrigger::watch);
    const auto report = site.end(first);
    CHECK(report.verdict == ReloadVerdict::rolled_back);
    CHECK(report.cause == RollbackCause::newer_file);
    site.wait_until([&] { return site.hash_in_force() == newer; });
    CHECK_FALSE(site.is_denied(older));
}

TEST_CASE("an invalid file does not end the window of the previous change") {
    ReloadSite site;
    const auto older = site.write(2);
    const auto first = site.begin_window();
    site.write("nonsense: 1\n");
    site.reloader->request_if_changed(ReloadTrigger::watch);
    CHECK(site.end(first).verdict == ReloadVerdict::applied);
    site.wait_until([&] { return site.reloader->counts().refused == 1; });
    CHECK(site.hash_in_force() == older);
}

TEST_CASE("a refused change is tried again with growing pauses") {
    Blocked test;
    CHECK(test.pending().hash == test.hash);
    CHECK(test.pause_after(1) == 2s);
    CHECK(test.pause_after(2) == 4s);
    CHECK(test.pause_after(3) == 8s);
    test.taken.release();
    test.site.wait_until([&] { return test.site.reloader->counts().applied == 1; });
    CHECK(test.site.hash_in_force() == test.hash);
    CHECK_FALSE(test.site.reloader->pending());
    CHECK(test.site.reloader->last().trigger == ReloadTrigger::command); // that of the first attempt
    CHECK(test.site.reloader->counts().refused == 3);
}

TEST_CASE("retries end when the file is replaced by one that can be applied") {
    Blocked test;
    const auto other = test.site.write(3);
    test.site.reloader->request_if_changed(ReloadTrigger::watch);
    test.site.wait_until([&] { return test.site.reloader->counts().applied == 1; });
    CHECK(test.site.hash_in_force() == other);
    CHECK_FALSE(test.site.reloader->pending());
    test.site.clock.run_for(10min);
    CHECK(test.site.reloader->counts().refused == 1);
}

TEST_CASE("retries end when the file is replaced by one with errors") {
    Blocked test;
    test.site.write("nonsense: 1\n");
    test.site.reloader->request_if_changed(ReloadTrigger::watch);
    test.site.wait_until([&] { return test.site.reloader->counts().refused == 2; });
    CHECK(test.pending().attempts == 1);
    CHECK_FALSE(test.pending().next_try);
    test.site.clock.run_for(10min);
    CHECK(test.site.reloader->counts().refused == 2);
}

TEST_CASE("a retry waits while a program is writing the file") {
    Blocked test;
    test.site.files.being_written = true;
    test.site.clock.run_for(1min);
    CHECK(test.pending().attempts == 1);
    test.site.files.being_written = false;
    test.site.wait_until([&] { return test.pending().attempts == 2; });
}

TEST_CASE("without reload.watch a retry gives up if the file has changed") {
    ReloadSite site("{watch: false}");
    LoopbackPort taken;
    site.write(site.text(2, "more: {address: \"" + taken.text() + "\", pool: web}"));
    site.reload();
    REQUIRE(site.reloader->pending());
    site.write(3);
    site.wait_until([&] { return !site.reloader->pending()->next_try; });
    CHECK(site.reloader->pending()->reason ==
          "the file has changed since it was refused, and reload.watch is off: run weir reload");
    CHECK(site.reloader->counts().applied == 0);
}

TEST_CASE("without reload.watch a changed file is pending until a reload") {
    ReloadSite site("{watch: false}");
    const auto hash = site.write(2);
    site.reloader->note_files();
    site.wait_until([&] { return site.reloader->pending().has_value(); });
    CHECK(site.reloader->pending()->hash == hash);
    CHECK(site.reloader->pending()->attempts == 0);
    CHECK_FALSE(site.reloader->pending()->next_try);
    CHECK(site.reload().verdict == ReloadVerdict::applied);
    CHECK_FALSE(site.reloader->pending());
}

TEST_CASE("requests are held back until they are resumed") {
    ReloadSite site("{}");
    const auto hash = site.write(2);
    site.reloader->hold();
    const auto report = site.begin_reload();
    site.clock.run_for(1min);
    CHECK_FALSE(site.reloader->in_progress());
    site.reloader->resume();
    CHECK(site.end(report).verdict == ReloadVerdict::applied);
    CHECK(site.hash_in_force() == hash);
}

TEST_CASE("before a hot restart the files that no reload has read are reloaded") {
    ReloadSite site("{}");
    const auto hash = site.write(2);
    CHECK(site.wait(site.reloader->settle_files()).has_value());
    CHECK(site.hash_in_force() == hash);
    CHECK(site.reloader->last().trigger == ReloadTrigger::upgrade);
    const auto refused = site.write("nonsense: 1\n");
    const auto result = site.wait(site.reloader->settle_files());
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().message().starts_with("the configuration on disk (hash " + refused.substr(0, 12) +
                                               ") is not in force: "));
}
