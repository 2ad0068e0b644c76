#include "proxy/http/attempt_verdict.h"

namespace weir::proxy::http {

Reconnection reconnection_after(int connections, StreamFailure::Kind failure) {
    constexpr int most = 1, most_unseen = 50;
    const int allowed = failure == StreamFailure::Kind::unseen ? most_unseen : most;
    return connections < allowed ? Reconnection::possible : Reconnection::done;
}

AttemptVerdict judge(const EndedAttempt& ended, const RequestPlan& plan) {
    using Next = AttemptVerdict::Next;
    using Blame = AttemptVerdict::Blame;
    // A client that stalls, or sends what the backend refuses, can make the backend close the connection.
    const bool whole = ended.upload == UploadEnd::whole;
    const auto blame = whole ? Blame::backend : Blame::unclear;
    switch (ended.result) {
    case AttemptResult::finished: return {Next::finished, whole ? Blame::backend : Blame::none};
    case AttemptResult::no_answer: {
        const bool kept = ended.age == ConnectionAge::kept;
        if (kept && may_retry(TryStage::sent, plan)) return {Next::reconnect, Blame::none};
        if (ended.removal == Removal::removed) return {Next::retry, Blame::none};
        return {Next::retry, kept ? Blame::unclear : blame}; // it may have closed just before
    }
    case AttemptResult::refused:
        if (ended.reconnection == Reconnection::possible) return {Next::reconnect, Blame::none};
        return {Next::retry, Blame::unclear}; // a backend that restarts, for example
    case AttemptResult::bad_answer:
    case AttemptResult::cut_off: return {Next::stop, blame};
    case AttemptResult::slow_answer: return {Next::stop, Blame::backend};
    case AttemptResult::late: return {Next::stop, whole ? Blame::deadline : Blame::none};
    case AttemptResult::unsupported: return {Next::stop, Blame::unclear};
    case AttemptResult::slow_client:
    case AttemptResult::bad_body:
    case AttemptResult::large_body:
    case AttemptResult::lost_body:
    case AttemptResult::client_gone:
    case AttemptResult::broken_off: break;
    }
    return {Next::stop, Blame::none};
}

} // namespace weir::proxy::http
