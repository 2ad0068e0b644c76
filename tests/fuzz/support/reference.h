// A reader of HTTP/1 messages that shares no code with weir's: slow, plain, and strict. What it cannot read in exactly
// one way is `bad`.
//
// Thread: pure functions and values.
// Lifetime: messages own their texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::reference {

enum class Reading { whole, partial, bad };

// legal: what the standard allows and weir promises to accept at most. canonical: how weir itself must write.
enum class Style { legal, canonical };

// How a stream has ended, for bodies that only the end delimits.
enum class Ending { open, ended, broken };

struct Message {
    std::vector<std::string> first; // the words of the first line
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    std::size_t length = 0; // bytes of the whole message
    bool until_close = false;
    bool cut = false; // of a request: the head is whole and good, the body is not, or not yet

    std::vector<std::string> all(std::string_view name) const; // name in lower case
    int status() const { return std::stoi(first[1]); }
};

Reading read_request(std::string_view bytes, Style style, Message& message);

// `method` is the request's.
Reading read_response(std::string_view bytes, Style style, std::string_view method, Ending ending, Message& message);

} // namespace weir::reference
