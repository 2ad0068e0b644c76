// Decides what the end of an attempt on one backend means: for the request, and for the backend.
//
//   result        next                                      blame
//   finished      finished                                  backend (its status counts); none if the upload broke off
//   no_answer     reconnect if the connection was kept and   none
//                 the request may be sent again
//                 otherwise retry                           backend; unclear if the connection was kept or the upload
//                                                           broke off; none if the backend was removed
//   refused       reconnect, while possible                              none
//                 then retry                                  unclear
//   bad_answer,   stop                                      backend; unclear if the upload broke off
//   cut_off
//   unsupported   stop                                        unclear
//   slow_answer   stop                                      backend
//   late          stop                                      deadline; none if the upload broke off
//   all others    stop                                      none
//
// Thread: pure function and values.
// Lifetime: values.
#pragma once

#include "proxy/http/retry.h"
#include "proxy/io/multiplexed_stream.h"

namespace weir::proxy::http {

enum class AttemptResult {
    finished,    // the client has been sent the whole response
    no_answer,   // the backend closed or failed before its response began
    refused,     // the backend has not processed the request, of whose body nothing is lost (RFC 9113 section 8.7)
    unsupported, // the backend does not offer what the request needs, and has not got it
    bad_answer,  // the response is illegal or incomplete, and the client has received none of it
    slow_answer, // the backend did not respond in time
    late,        // the client's deadline has passed, and the client has received none of the response
    slow_client, // the client did not send its body in time
    bad_body,    // the client's body is malformed
    large_body,  // the client's body is over the limit
    lost_body,   // the stored body cannot be read
    client_gone,
    cut_off,    // the response had begun and the backend did not complete it
    broken_off, // the response had begun and ended early for a reason other than the backend
};

enum class ConnectionAge { fresh, kept };   // kept: the connection had carried a request before
enum class UploadEnd { whole, incomplete }; // incomplete: the client did not send all, or the backend did not take all
enum class Reconnection { possible, done }; // done: the backend has been tried often enough
enum class Removal { none, removed };       // removed: weir closed the connection because the backend was removed

struct EndedAttempt {
    AttemptResult result;
    ConnectionAge age = ConnectionAge::fresh;
    UploadEnd upload = UploadEnd::whole;
    Removal removal = Removal::none;
    Reconnection reconnection = Reconnection::possible;
};

struct AttemptVerdict {
    enum class Next {
        finished,
        stop,      // the client gets an error, or the end of its connection
        retry,     // on another backend, if `may_retry`, the attempts and the budget allow it
        reconnect, // to the same backend: it had just closed the kept connection, which costs no attempt
    };
    enum class Blame {
        none,     // the attempt does not count
        unclear,  // it counts as failed but not against the backend's health: the client may have caused the failure
        deadline, // as before, but the canary sees it: the client has chosen how much time there was
        backend,
    };
    Next next;
    Blame blame;
};

// Returns whether a request may be sent to the same backend again, after so many connections to it, if its stream has
// failed in this way. A backend that ends each connection after few requests may leave out the same request many times.
Reconnection reconnection_after(int connections, StreamFailure::Kind failure);

AttemptVerdict judge(const EndedAttempt& ended, const RequestPlan& plan);

} // namespace weir::proxy::http
