#include "proxy/http/attempt_verdict.h"

namespace weir::proxy::http {

AttemptVerdict judge(const EndedAttempt& ended, const RequestPlan& plan) {
    using Next = AttemptVerdict::Next;
    using Blame = AttemptVerdict::Blame;
    // A client that stalls, or sends what the backend refuses, can make the backend close the connection.
    const bool whole = ended.upload == UploadEnd::whole;
    const auto blame = whole ? Blame::backend : Blame::unclear;
    switch (ended.result) {
    case AttemptResult::finished: return {Next::finished, whole ? Blame::backend : Blame::none, TryStage::answering};
    case AttemptResult::no_answer: {
        const bool kept = ended.age == ConnectionAge::kept;
        if (kept && may_retry(TryStage::sent, plan)) return {Next::reconnect, Blame::none, TryStage::sent};
        if (ended.removal == Removal::removed) return {Next::retry, Blame::none, TryStage::sent};
        return {Next::retry, kept ? Blame::unclear : blame, TryStage::sent}; // it may have closed just before
    }
    case AttemptResult::bad_answer:
    case AttemptResult::cut_off: return {Next::stop, blame, TryStage::answering};
    case AttemptResult::slow_answer: return {Next::stop, Blame::backend, TryStage::answering};
    case AttemptResult::slow_client:
    case AttemptResult::bad_body:
    case AttemptResult::large_body:
    case AttemptResult::client_gone:
    case AttemptResult::broken_off: break;
    }
    return {Next::stop, Blame::none, TryStage::answering};
}

} // namespace weir::proxy::http
