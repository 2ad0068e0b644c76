// Reads the server name from a ClientHello of a connection that is forwarded without decryption, as its bytes arrive
// (RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3).
//
// The message may be split over several records, and a record over any number of reads. Every byte is looked at a
// constant number of times.
//
// Thread: one connection's.
// Lifetime: owns a copy of the message until it is complete.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::tls {

enum class HelloStatus {
    incomplete, // more bytes are needed
    complete,
    not_tls,   // the bytes are not a ClientHello
    too_large, // the message is longer than any client sends
};

class ClientHelloReader {
public:
    static constexpr std::size_t max_message = 16 * 1024;

    // `bytes` are all bytes that the client has sent so far; those of earlier calls must not have changed. Must not be
    // called again once the status is no longer `incomplete`.
    HelloStatus read(std::string_view bytes);
    // Returns the requested name, in lower case and without a trailing dot. It is empty if there is none, or before the
    // message is complete.
    const std::string& name() const { return name_; }

private:
    HelloStatus take_header(std::string_view header);
    HelloStatus check_message();

    std::size_t at_ = 0;          // the bytes before this position have been taken
    std::size_t record_left_ = 0; // bytes of the current record that have not been taken
    std::string message_;
    std::string name_;
};

} // namespace weir::tls
