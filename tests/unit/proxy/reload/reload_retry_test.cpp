#include "proxy/reload/reload_retry.h"
#include "tests/catch.h"
#include "tests/unit/support/manual_clock.h"

using namespace weir::proxy;
using weir::test::ManualClock;
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

ReloadReport refused(RetryDecision retry) {
    auto out = report(ReloadVerdict::refused);
    out.retry = retry;
    return out;
}

// Counts the retries.
class RetryCounter final : public RetryListener {
public:
    void on_retry_due() override { ++retries; }
    int retries = 0;
};

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
    // It is pending until a configuration on disk is in force.
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
    CHECK_FALSE(pending_after(report(ReloadVerdict::rollback_failed), Force::no, again)); // the file is what runs
}

TEST_CASE("a reload that failed for outside reasons is retried for any trigger") {
    boost::asio::io_context control;
    const ManualClock clock(control);
    RetryCounter counter;
    ReloadRetry retry(control, counter);
    retry.note(refused(RetryDecision::all), Force::no, ReloadRetry::Repeated::no); // for example, the lock was held
    REQUIRE(retry.pending());
    CHECK(retry.pending()->next_try == clock.wall_now() + 2s);

    retry.note(refused(RetryDecision::none), Force::no, ReloadRetry::Repeated::no); // for its content
    REQUIRE(retry.pending());
    CHECK_FALSE(retry.pending()->next_try);

    retry.note(refused(RetryDecision::locally), Force::no, ReloadRetry::Repeated::no); // a port was busy
    CHECK(retry.pending()->next_try);
    retry.note(refused(RetryDecision::locally), Force::no, ReloadRetry::Repeated::yes); // the fleet repeats it
    CHECK_FALSE(retry.pending()->next_try);
}

TEST_CASE("a retry is due after its pause, and not after it was cleared") {
    boost::asio::io_context control;
    ManualClock clock(control);
    RetryCounter counter;
    ReloadRetry retry(control, counter);
    retry.note(refused(RetryDecision::all), Force::no, ReloadRetry::Repeated::no);
    clock.run_for(1999ms);
    CHECK(counter.retries == 0);
    clock.run_for(1ms);
    CHECK(counter.retries == 1);
    retry.postpone(); // a program is writing the file
    clock.run_for(1s);
    CHECK(counter.retries == 2);
    retry.note(refused(RetryDecision::all), Force::no, ReloadRetry::Repeated::no);
    clock.run_for(3999ms);
    CHECK(counter.retries == 2);
    clock.run_for(1ms);
    CHECK(counter.retries == 3);
    retry.note(refused(RetryDecision::all), Force::no, ReloadRetry::Repeated::no);
    retry.clear(); // now the files on disk are in force
    clock.run_for(1h);
    CHECK(counter.retries == 3);
}

TEST_CASE("pauses begin at two seconds for another configuration") {
    boost::asio::io_context control;
    const ManualClock clock(control);
    RetryCounter counter;
    ReloadRetry retry(control, counter);
    auto other = refused(RetryDecision::all);
    other.hash = "bb";
    for (const auto& [next, pause] : {std::pair{refused(RetryDecision::all), 2s},
                                      {refused(RetryDecision::all), 4s},
                                      {refused(RetryDecision::all), 8s},
                                      {other, 2s}}) {
        retry.note(next, Force::no, ReloadRetry::Repeated::no);
        CHECK(retry.pending()->next_try == clock.wall_now() + pause);
    }
}

TEST_CASE("nothing is retried after it was stopped") {
    boost::asio::io_context control;
    ManualClock clock(control);
    RetryCounter counter;
    ReloadRetry retry(control, counter);
    retry.note(refused(RetryDecision::all), Force::no, ReloadRetry::Repeated::no);
    retry.stop();
    retry.note(refused(RetryDecision::all), Force::no, ReloadRetry::Repeated::no);
    clock.run_for(1h);
    CHECK(counter.retries == 0);
}

TEST_CASE("a change that lost its lock is retried, a bad or aborted one is not") {
    boost::asio::io_context control;
    RetryCounter counter;
    ReloadRetry retry(control, counter);
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
    CHECK_FALSE(ended(RollbackCause::newer_file)); // the newer file is loaded at once
}

TEST_CASE("a file that no reload has read is pending until it is in force") {
    boost::asio::io_context control;
    RetryCounter counter;
    ReloadRetry retry(control, counter);
    retry.note_unread("aa", ReloadTrigger::start, "it was refused at startup");
    REQUIRE(retry.pending());
    CHECK(retry.pending()->attempts == 0);
    retry.clear();
    CHECK_FALSE(retry.pending());
}
