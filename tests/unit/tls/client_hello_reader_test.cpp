#include "tests/catch.h"
#include "tests/unit/support/tls_client.h"
#include "tls/client_hello_reader.h"

#include <algorithm>

using weir::tests::TlsClient;
using weir::tls::ClientHelloReader;
using weir::tls::HelloStatus;

namespace {

std::string number(std::size_t value, int size) {
    std::string bytes;
    for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
}

std::string sized(const std::string& text, int size) { return number(text.size(), size) + text; }

std::string extension(std::size_t type, const std::string& value) { return number(type, 2) + sized(value, 2); }

std::string server_name(const std::string& name) {
    return extension(0, sized(std::string(1, '\0') + sized(name, 2), 2));
}

std::string message(const std::string& extensions) {
    const auto body = "\x03\x03" + std::string(32, 'r') + sized("", 1) + sized("\x13\x01", 2) + number(0x0100, 2) +
                      sized(extensions, 2);
    return "\x01" + sized(body, 3);
}

// Splits a message into records with `size` bytes each.
std::string records(std::string message, std::size_t size = 16384) {
    std::string bytes;
    for (; !message.empty(); message.erase(0, std::min(size, message.size())))
        bytes += "\x16\x03\x01" + sized(message.substr(0, size), 2);
    return bytes;
}

// Reads bytes in pieces. Returns the name, or a word for what else it is.
std::string read(const std::string& bytes, std::size_t piece = std::string::npos) {
    ClientHelloReader reader;
    auto status = HelloStatus::incomplete;
    for (std::size_t have = 0; have < bytes.size() && status == HelloStatus::incomplete;) {
        have = piece < bytes.size() - have ? have + piece : bytes.size();
        status = reader.read(std::string_view(bytes).substr(0, have));
    }
    switch (status) {
    case HelloStatus::incomplete: return "incomplete";
    case HelloStatus::not_tls: return "not tls";
    case HelloStatus::too_large: return "too large";
    case HelloStatus::complete: break;
    }
    return reader.name();
}

} // namespace

TEST_CASE("the name is read from the ClientHello of a real client") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient client("Mail.Example.COM", version);
        const auto bytes = client.shake_hands("");
        for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, bytes.size()})
            CHECK(read(bytes, piece) == "mail.example.com");
        CHECK(read(bytes + "more") == "mail.example.com");
        CHECK(read(bytes.substr(0, bytes.size() - 1)) == "incomplete");
        TlsClient nameless(nullptr, version);
        CHECK(read(nameless.shake_hands("")).empty());
    }
}

TEST_CASE("a ClientHello may be split over records in any way") {
    const auto hello = message(extension(5, "x") + server_name("a.example.") + extension(43, "\x02\x03\x04"));
    for (const std::size_t size : {1U, 2U, 3U, 4U, 5U, 40U, 100U})
        for (const std::size_t piece : {1U, 3U, 1000U}) CHECK(read(records(hello, size), piece) == "a.example");
    CHECK(read(records(hello + "next message")) == "a.example");
}

TEST_CASE("malformed names count as none") {
    for (const auto& bad :
         {extension(0, ""), extension(0, sized("", 2)), extension(0, sized("\x01" + sized("a", 2), 2)),
          extension(0, sized(std::string(1, '\0') + sized("a", 2), 2) + "x"),
          extension(0, number(9, 2) + std::string(1, '\0') + sized("a", 2)), server_name(std::string(256, 'a')),
          server_name(std::string("a\0b", 3))})
        CHECK(read(records(message(bad))).empty());
    CHECK(read(records(message(server_name("a") + server_name("b")))) == "a");
}

TEST_CASE("bytes that are no ClientHello are told at once") {
    const auto hello = message(server_name("a"));
    CHECK(read("G") == "not tls");
    CHECK(read("SSH-2.0-x\r\n") == "not tls");
    CHECK(read("\x16\x02") == "not tls");
    CHECK(read("\x16\x03\x01" + number(0, 2)) == "not tls");
    CHECK(read("\x16\x03\x01" + number(16385, 2)) == "not tls");
    CHECK(read(records("\x02" + hello.substr(1))) == "not tls");
    CHECK(read(records("\x01" + sized("short", 3))) == "not tls");
    CHECK(read(records(message(server_name("a") + "x"))) == "not tls");
    auto two = records(hello, 10);
    two[15] = 'x'; // the second record's type
    CHECK(read(two) == "not tls");
}

TEST_CASE("a ClientHello that is too large is refused by its stated size") {
    CHECK(read(records("\x01" + number(ClientHelloReader::max_message + 1, 3))) == "too large");
    CHECK(read(records(message(extension(21, std::string(16000, '\0')) + server_name("a")))) == "a");
}
