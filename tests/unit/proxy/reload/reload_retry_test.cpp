#include "proxy/reload/reload_retry.h"
#include "tests/catch.h"

using namespace weir::proxy;
using namespace std::chrono_literals;

namespace {

ReloadReport report(ReloadVerdict verdict, std::string hash = "aa") {
    ReloadReport out;
    out.verdict = verdict;
    out.hash = std::move(hash);
    if (!out.is_success()) out.errors = {"a reason"};
    out.trigger = ReloadTrigger::signal;
    return out;
}

} // namespace

TEST_CASE("pauses between retries double, up to a minute") {
    RetryPauses pauses;
    std::vector<std::chrono::milliseconds> all;
    for (int i = 0; i < 7; ++i) all.push_back(pauses.next());
    CHECK(all == std::vector<std::chrono::milliseconds>{2s, 4s, 8s, 16s, 32s, 60s, 60s});
    pauses.reset();
    CHECK(pauses.next() == 2s);
}

TEST_CASE("a refused or rolled-back file is pending with its reason") {
    // Until something is in force.
    const auto refused = pending_after(report(ReloadVerdict::refused), Force::no, std::nullopt);
    REQUIRE(refused);
    CHECK(refused->hash == "aa");
    CHECK(refused->reason == "a reason");
    CHECK(refused->attempts == 1);
    const auto again = pending_after(report(ReloadVerdict::rolled_back), Force::no, refused);
    REQUIRE(again);
    CHECK(again->attempts == 2);
    CHECK(again->since == refused->since);
    const auto other = pending_after(report(ReloadVerdict::refused, "bb"), Force::no, again);
    REQUIRE(other);
    CHECK(other->attempts == 1);
    CHECK_FALSE(pending_after(report(ReloadVerdict::applied), Force::no, again));
    CHECK_FALSE(pending_after(report(ReloadVerdict::unchanged), Force::no, again));
    CHECK_FALSE(pending_after(report(ReloadVerdict::rollback_failed), Force::no, again)); // it is what runs
}

TEST_CASE("a reload that failed for outside reasons is retried for any trigger") {
    boost::asio::io_context control;
    int retries = 0;
    ReloadRetry retry(control, [&] { ++retries; });
    auto waiting = report(ReloadVerdict::unchanged);
    waiting.refuse_for_now("cannot acquire the lock");
    retry.note(waiting, Force::no, ReloadRetry::Repeated::no);
    REQUIRE(retry.pending());
    CHECK(retry.pending()->next_try);

    auto bad = report(ReloadVerdict::refused); // for what it says
    retry.note(bad, Force::no, ReloadRetry::Repeated::no);
    REQUIRE(retry.pending());
    CHECK_FALSE(retry.pending()->next_try);

    auto here = report(ReloadVerdict::unchanged);
    here.refuse_here("cannot bind");
    retry.note(here, Force::no, ReloadRetry::Repeated::no);
    CHECK(retry.pending()->next_try);
    retry.note(here, Force::no, ReloadRetry::Repeated::yes); // the fleet repeats it
    CHECK_FALSE(retry.pending()->next_try);
}

TEST_CASE("a change that lost its lock is retried, a bad or aborted one is not") {
    boost::asio::io_context control;
    ReloadRetry retry(control, [] {});
    const auto ended = [&](RollbackCause cause) {
        auto out = report(ReloadVerdict::rolled_back);
        out.cause = cause;
        if (!out.is_denylisted()) out.retry = RetryDecision::all;
        retry.note(out, Force::no, ReloadRetry::Repeated::no);
        return retry.pending()->next_try.has_value();
    };
    CHECK(ended(RollbackCause::lock_lost));
    CHECK(ended(RollbackCause::overtaken));
    CHECK_FALSE(ended(RollbackCause::worse));
    CHECK_FALSE(ended(RollbackCause::aborted));
    CHECK_FALSE(ended(RollbackCause::newer_file)); // the newer one comes at once
}

TEST_CASE("a file that no reload has read is pending until it is in force") {
    boost::asio::io_context control;
    ReloadRetry retry(control, [] {});
    retry.note_unread("aa", ReloadTrigger::start, "it was refused at startup");
    REQUIRE(retry.pending());
    CHECK(retry.pending()->attempts == 0);
    retry.clear();
    CHECK_FALSE(retry.pending());
}
