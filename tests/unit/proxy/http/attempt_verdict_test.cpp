#include "proxy/http/attempt_verdict.h"
#include "tests/catch.h"

using namespace weir::proxy::http;
using Blame = AttemptVerdict::Blame;
using Next = AttemptVerdict::Next;

namespace {

constexpr auto fresh = ConnectionAge::fresh, kept = ConnectionAge::kept;
constexpr auto whole = UploadEnd::whole, incomplete = UploadEnd::incomplete;
constexpr auto removed = Removal::removed;

RequestPlan get() {
    RequestPlan plan;
    plan.idempotence = Idempotence::idempotent;
    return plan;
}

RequestPlan post() {
    RequestPlan plan;
    plan.framing = {BodyKind::length, 5};
    return plan;
}

void check(const EndedAttempt& ended, const RequestPlan& plan, Next next, Blame blame) {
    const auto verdict = judge(ended, plan);
    CHECK(verdict.next == next);
    CHECK(verdict.blame == blame);
}

} // namespace

TEST_CASE("a backend that closes a kept connection is asked again, without blame") {
    check({AttemptResult::no_answer, kept, whole}, get(), Next::reconnect, Blame::none);
    check({AttemptResult::no_answer, fresh, whole}, get(), Next::retry, Blame::backend);
    check({AttemptResult::no_answer, kept, whole}, post(), Next::retry, Blame::unclear); // it may have run already
}

TEST_CASE("a client that does not send its body brings no backend down") {
    check({AttemptResult::no_answer, fresh, incomplete}, post(), Next::retry, Blame::unclear);
    check({AttemptResult::bad_answer, fresh, incomplete}, post(), Next::stop, Blame::unclear);
    check({AttemptResult::cut_off, fresh, incomplete}, post(), Next::stop, Blame::unclear);
    check({AttemptResult::finished, fresh, incomplete}, post(), Next::finished, Blame::none);
}

TEST_CASE("a backend is to blame for what it answers, and for silence") {
    check({AttemptResult::finished, kept, whole}, get(), Next::finished, Blame::backend);
    check({AttemptResult::bad_answer, kept, whole}, get(), Next::stop, Blame::backend);
    check({AttemptResult::cut_off, kept, whole}, get(), Next::stop, Blame::backend);
    check({AttemptResult::slow_answer, kept, whole}, get(), Next::stop, Blame::backend);
    check({AttemptResult::slow_answer, kept, incomplete}, post(), Next::stop, Blame::backend);
}

TEST_CASE("a deadline that a client has chosen counts against no backend") {
    check({AttemptResult::late, fresh, whole}, get(), Next::stop, Blame::deadline);
    check({AttemptResult::late, kept, whole}, post(), Next::stop, Blame::deadline);
    check({AttemptResult::late, fresh, incomplete}, post(), Next::stop, Blame::none);
}

TEST_CASE("a removed backend is not to blame: others are tried") {
    check({AttemptResult::no_answer, fresh, whole, removed}, get(), Next::retry, Blame::none);
    check({AttemptResult::no_answer, kept, whole, removed}, post(), Next::retry, Blame::none);
}

TEST_CASE("failures of the client or the disk count against no backend") {
    for (const auto result : {AttemptResult::slow_client, AttemptResult::bad_body, AttemptResult::large_body,
                              AttemptResult::lost_body, AttemptResult::client_gone, AttemptResult::broken_off})
        check({result, fresh, whole}, get(), Next::stop, Blame::none);
}

TEST_CASE("a request that a backend has not processed is sent again") {
    for (const auto age : {fresh, kept})
        for (const auto& plan : {get(), post()}) {
            check({AttemptResult::refused, age, incomplete}, plan, Next::reconnect, Blame::none);
            check({AttemptResult::refused, age, incomplete, Removal::none, Reconnection::done}, plan, Next::retry,
                  Blame::unclear);
        }
}

TEST_CASE("a backend is not to blame for what it does not offer") {
    for (const auto age : {fresh, kept})
        check({AttemptResult::unsupported, age, whole}, get(), Next::stop, Blame::unclear);
}

TEST_CASE("a request is sent to the same backend more often if it was unseen") {
    using Kind = weir::proxy::StreamFailure::Kind;
    CHECK(reconnection_after(0, Kind::unprocessed) == Reconnection::possible);
    CHECK(reconnection_after(1, Kind::unprocessed) == Reconnection::done);
    CHECK(reconnection_after(49, Kind::unseen) == Reconnection::possible);
    CHECK(reconnection_after(50, Kind::unseen) == Reconnection::done);
}
