// Decides whether a request may be tried on another backend.
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include <string_view>

namespace weir::proxy::http {

// What is known about a try that failed.
struct FailedTry {
    enum class Stage { connecting, sent, answering };

    Stage stage;             // connecting: nothing was sent; answering: a response has begun
    bool idempotent = false; // the method may be executed twice (RFC 9110 section 9.2.2)
    bool replayable = false; // no byte of a body has been forwarded
};

// Returns true if the request can be sent again without executing twice a method that is not idempotent.
bool may_retry(const FailedTry& failed);
bool is_idempotent(std::string_view method);

} // namespace weir::proxy::http
