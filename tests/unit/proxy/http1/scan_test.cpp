#include "proxy/http1/chars.h"
#include "proxy/http1/scan.h"
#include "tests/catch.h"

#include <algorithm>
#include <random>
#include <string>

using namespace weir::proxy::http;

namespace {

constexpr std::size_t longest = 40; // more than two blocks, and a remainder

// Checks a scan against its class: every byte, at every place of texts of every length. More bytes follow each text.
template <class Scan, class Is> void check_scan(Scan scan, Is is) {
    bool agrees = true;
    for (int byte = 0; byte < 256; ++byte)
        for (std::size_t length = 1; length <= longest; ++length)
            for (std::size_t at = 0; at < length; ++at) {
                std::string text(length + longest, 'a');
                text[at] = static_cast<char>(byte);
                const char* const end = text.data() + length;
                agrees = agrees && scan(text.data(), end) == std::find_if_not<const char*>(text.data(), end, is);
            }
    CHECK(agrees);
}

// The reference: searches byte by byte.
std::size_t head_end(std::string_view bytes, std::size_t from) {
    for (auto i = bytes.find('\n', from); i != std::string_view::npos; i = bytes.find('\n', i + 1))
        if (i > 0 && bytes.substr(i - 1, 4) == "\r\n\r\n") return i + 3;
    return std::string_view::npos;
}

} // namespace

TEST_CASE("skip_value stops where a scan byte by byte stops") { check_scan(skip_value, is_value); }

TEST_CASE("skip_target stops where a scan byte by byte stops") { check_scan(skip_target, is_target); }

TEST_CASE("the end of a head is found at every place and from every place") {
    bool agrees = true;
    for (std::size_t before = 0; before <= longest; ++before)
        for (std::size_t behind = 0; behind <= longest; ++behind)
            for (std::size_t from = 0; from <= before + 4; ++from) {
                const auto bytes = std::string(before, '\n') + "\r\n\r\n" + std::string(behind, '\n');
                agrees = agrees && find_head_end(bytes, from) == head_end(bytes, from);
            }
    CHECK(agrees);
}

TEST_CASE("line ends beside the end of a head do not mislead the scan") {
    std::mt19937 random(7);
    std::size_t found = 0, missing = 0;
    bool agrees = true;
    for (int i = 0; i < 100'000; ++i) {
        std::string bytes(random() % 60, 'a');
        for (auto& c : bytes) c = "\r\n\r\na"[random() % 5];
        const auto from = random() % (bytes.size() + 1);
        const auto end = find_head_end(bytes, from);
        ++(end == std::string_view::npos ? missing : found);
        agrees = agrees && end == head_end(bytes, from);
    }
    CHECK(agrees);
    CHECK(found > 1000);
    CHECK(missing > 1000);
}
