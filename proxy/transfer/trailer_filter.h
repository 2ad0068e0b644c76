// Chooses the fields of a message's trailer section that are forwarded.
//
// Thread: one worker's thread.
// Lifetime: must outlive the forwarder that it is given to.
#pragma once

#include <string>
#include <string_view>

namespace weir::proxy::http {

enum class ContentCoded : bool { no, yes }; // yes: weir has compressed the content

class TrailerFilter {
public:
    // `received` are field lines, each with its CRLF. Returns those that are forwarded, in the same form. Called at
    // most once for each message, and only if it has a trailer section.
    virtual std::string filter(std::string_view received, ContentCoded coded) const = 0;

protected:
    ~TrailerFilter() = default;
};

} // namespace weir::proxy::http
