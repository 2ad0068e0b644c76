#include "proxy/reload/reload_previewer.h"
#include "tests/catch.h"
#include "tests/unit/support/reload_site.h"

#include <algorithm>

using namespace weir;
using namespace weir::proxy;
using namespace std::chrono_literals;
using weir::test::LoopbackPort;
using weir::test::ReloadSite;

namespace {

ReloadPreview preview(ReloadSite& site) { return site.wait(site.parts->previewer.preview({})); }

bool has_note(const ReloadPreview& preview, const std::string& part) {
    return std::any_of(preview.notes.begin(), preview.notes.end(),
                       [&](const auto& note) { return note.find(part) != std::string::npos; });
}

} // namespace

TEST_CASE("a preview says what a reload would do and changes nothing") {
    ReloadSite site("{}");
    const auto before = site.hash_in_force();
    const auto hash = site.write(2);
    const auto seen = preview(site);
    CHECK(seen.report.verdict == ReloadVerdict::applied);
    CHECK(seen.report.hash == hash);
    CHECK(seen.report.plan.changes.size() == 1);
    CHECK(seen.notes.empty());
    CHECK(site.hash_in_force() == before);
    CHECK(site.reloader->counts().applied == 0);
}

TEST_CASE("a preview of what is in force has no effect") {
    ReloadSite site("{}");
    const auto seen = preview(site);
    CHECK(seen.report.verdict == ReloadVerdict::unchanged);
    CHECK(seen.report.plan.empty());
}

TEST_CASE("a preview finds an address that cannot be bound") {
    ReloadSite site("{}");
    const LoopbackPort taken;
    site.write(site.text(2, "more: {address: \"" + taken.text() + "\", pool: web}"));
    const auto seen = preview(site);
    CHECK(seen.report.verdict == ReloadVerdict::refused);
    REQUIRE(seen.report.errors.size() == 1);
    CHECK(seen.report.errors[0].find("cannot bind " + taken.text()) != std::string::npos);
}

TEST_CASE("a preview finds a configuration on the denylist") {
    ReloadSite site("{}");
    site.write(2);
    CHECK_FALSE(preview(site).is_denylisted);
    const auto hash = site.write(3);
    boost::asio::co_spawn(site.control, site.parts->store.record_bad(hash, "a reason"), [](std::exception_ptr) {});
    site.wait_until([&] { return site.is_denied(hash); });
    const auto seen = preview(site);
    CHECK(seen.is_denylisted);
    CHECK(seen.report.verdict == ReloadVerdict::refused);
    CHECK(seen.report.retry == RetryDecision::none);
}

TEST_CASE("a preview notes what delays a reload") {
    ReloadSite site;
    site.write(2);
    const auto reload = site.begin_window();
    site.write(3);
    site.files.being_written = true;
    const auto seen = preview(site);
    CHECK(has_note(seen, "the previous change is in its canary window"));
    CHECK(has_note(seen, "a program is writing the file"));
    site.end(reload);
}

TEST_CASE("a preview while weir stops is refused for now") {
    ReloadSite site("{}");
    site.write(2);
    site.reloader->close(Presence::ends);
    const auto seen = preview(site);
    CHECK(seen.report.verdict == ReloadVerdict::refused);
    CHECK(seen.report.errors == std::vector<std::string>{"weir is stopping"});
}
