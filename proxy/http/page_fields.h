// Gives a page of weir's own the body and the headers that a route configures.
//
// Thread: one worker's thread.
// Lifetime: the page points into the configuration and into `fields` afterwards; both must outlive it.
#pragma once

#include "proxy/http/variables.h"
#include "proxy/http1/status.h"
#include "proxy/limits/rate_limiter.h"
#include "proxy/snapshot/error_pages.h"

namespace weir::proxy::http {

class PageFields {
public:
    // Writes the headers into `fields`. `edit` has the changes of the route; null: none.
    PageFields(Page& page, Buffer& fields, const RequestVariables& variables, const conf::HeaderEdit* edit)
        : page_(page), fields_(fields), variables_(variables), edit_(edit) {}

    // Uses the body and the headers of a configured response. `file` is the body if the response has a file.
    void use(const conf::FixedResponse& fixed, const PageText& file);
    // Tells the client the limit that it has exceeded, and when it may come again (Page::retry_after).
    void add_rate_limit_fields(const limits::RateLimiter& limiter);
    // Asks the client for a user name and a password (RFC 7617 section 2).
    void add_basic_challenge(const std::string& realm);
    // Tells a client of gRPC the status of its call, and people the message. No header changes the Content-Type then.
    void add_call_status(int status, std::string_view message);
    // Sets and adds headers as the route says. A header that it sets replaces weir's own; one that it removes is left
    // out, here and above.
    void change();

private:
    // Writes a header of weir's own, unless the route changes it.
    void write_own(std::string_view name, std::string_view value);
    void write(const std::string& name, const std::string& value);

    Page& page_;
    Buffer& fields_;
    const RequestVariables variables_;
    const conf::HeaderEdit* const edit_;
    bool keeps_type_ = false;
};

} // namespace weir::proxy::http
