// A parser of HTTP/1 messages that shares no code with weir's: slow, simple and strict. A message that it cannot read
// in exactly one way is `bad`.
//
// Thread: pure functions and values.
// Lifetime: messages own their texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::reference {

enum class Reading { whole, partial, bad };

// `legal` is what the standard allows and weir may accept; `canonical` is what weir itself must write.
enum class Style { legal, canonical };

// How a stream has ended; this matters for bodies that only the end delimits.
enum class Ending { open, ended, broken };

struct Message {
    std::vector<std::string> first; // the words of the first line
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    std::vector<std::pair<std::string, std::string>> trailers;
    std::size_t length = 0; // size of the whole message in bytes
    bool until_close = false;
    bool cut = false; // for a request: the head is complete and valid, but the body is not

    std::vector<std::string> all(std::string_view name) const; // `name` is in lower case
    int status() const { return std::stoi(first[1]); }
};

Reading read_request(std::string_view bytes, Style style, Message& message);

// `method` is that of the request.
Reading read_response(std::string_view bytes, Style style, std::string_view method, Ending ending, Message& message);

// Returns whether a forwarded message has only trailers that it may have: some of the original's, in their order, and
// none with a meaning for framing, routing or authentication, or that the original's Connection names.
bool has_legal_trailers(const Message& forwarded, const Message& original);

} // namespace weir::reference
