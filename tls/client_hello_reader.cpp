#include "tls/client_hello_reader.h"

#include "tls/client_hello.h"

namespace weir::tls {
namespace {

constexpr std::size_t record_header_size = 5, message_header_size = 4;
constexpr std::size_t max_record = 16 * 1024; // of plain text (RFC 8446 section 5.1)
constexpr unsigned char handshake = 22, client_hello = 1, major_version = 3;
constexpr std::size_t server_name_extension = 0;

// Takes fields from the front of a text. After a field that is not there, nothing can be taken.
class Fields {
public:
    explicit Fields(std::string_view rest) : rest_(rest) {}

    std::size_t number(std::size_t size) {
        std::size_t value = 0;
        for (const char c : bytes(size)) value = value << 8 | static_cast<unsigned char>(c);
        return value;
    }
    std::string_view bytes(std::size_t size) {
        if (size > rest_.size()) {
            failed_ = true;
            rest_ = {};
            return {};
        }
        const auto taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }
    // Takes a text that follows its own size, a number of `size` bytes.
    std::string_view sized(std::size_t size) { return bytes(number(size)); }
    bool at_end() const { return rest_.empty(); }
    bool failed() const { return failed_; }

private:
    std::string_view rest_;
    bool failed_ = false;
};

unsigned char byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

} // namespace

// Returns `not_tls` as soon as a byte of a record's header cannot belong to one.
HelloStatus ClientHelloReader::take_header(std::string_view header) {
    if (!header.empty() && byte_at(header, 0) != handshake) return HelloStatus::not_tls;
    if (header.size() > 1 && byte_at(header, 1) != major_version) return HelloStatus::not_tls;
    if (header.size() < record_header_size) return HelloStatus::incomplete;
    record_left_ = static_cast<std::size_t>(byte_at(header, 3) << 8 | byte_at(header, 4));
    if (record_left_ == 0 || record_left_ > max_record) return HelloStatus::not_tls;
    at_ += record_header_size;
    return HelloStatus::complete;
}

HelloStatus ClientHelloReader::read(std::string_view bytes) {
    for (;;) {
        if (record_left_ == 0) {
            const auto status = take_header(bytes.substr(at_, record_header_size));
            if (status != HelloStatus::complete) return status;
        }
        const auto piece = bytes.substr(at_, record_left_);
        if (piece.empty()) return HelloStatus::incomplete;
        at_ += piece.size();
        record_left_ -= piece.size();
        if (message_.size() + piece.size() > max_message + max_record) return HelloStatus::too_large;
        message_.append(piece);
        if (const auto status = check_message(); status != HelloStatus::incomplete) return status;
    }
}

// Reads the message, once it is whole.
HelloStatus ClientHelloReader::check_message() {
    if (byte_at(message_, 0) != client_hello) return HelloStatus::not_tls;
    if (message_.size() < message_header_size) return HelloStatus::incomplete;
    Fields message(message_);
    message.number(1);
    const auto size = message.number(3);
    if (size > max_message) return HelloStatus::too_large;
    if (message_.size() < message_header_size + size) return HelloStatus::incomplete;
    Fields body(message.bytes(size));
    body.bytes(2 + 32); // version and random
    body.sized(1);      // session ID
    body.sized(2);      // cipher suites
    body.sized(1);      // compression methods
    if (body.failed()) return HelloStatus::not_tls;
    if (body.at_end()) return HelloStatus::complete; // a client of long ago, without extensions
    Fields extensions(body.sized(2));
    if (body.failed() || !body.at_end()) return HelloStatus::not_tls;
    while (!extensions.at_end()) {
        const auto type = extensions.number(2);
        const auto value = extensions.sized(2);
        if (extensions.failed()) return HelloStatus::not_tls;
        if (type == server_name_extension && name_.empty()) name_ = read_server_name(value);
    }
    return HelloStatus::complete;
}

} // namespace weir::tls
