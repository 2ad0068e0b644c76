#include "proxy/http/request_ids.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::http;
using namespace std::chrono_literals;

namespace {

template <class Text> std::string text_of(const Text& text) { return {text.data(), text.size()}; }

} // namespace

TEST_CASE("a UUID of version 7 has its time, version and variant in their places") {
    // The example of RFC 9562, appendix A.6.
    CHECK(text_of(make_uuid_v7(0x017F22E279B0ms, 0xcc3, 0x18c4dc0c0c07398f)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    CHECK(text_of(make_uuid_v7(0ms, 0, 0)) == "00000000-0000-7000-8000-000000000000");
    CHECK(text_of(make_uuid_v7(0xffffffffffffms, ~0ull, ~0ull)) == "ffffffff-ffff-7fff-bfff-ffffffffffff");
}

TEST_CASE("a trace that weir begins is valid, whatever the random numbers are") {
    CHECK(text_of(make_traceparent({0x0af7651916cd43dd, 0x8448eb211c80319d}, 0xb7ad6b7169203331)) ==
          "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01");
    for (const std::uint64_t random : {0ull, ~0ull})
        CHECK(is_traceparent(text_of(make_traceparent({random, random}, random))));
}

TEST_CASE("traceparents are judged as the W3C says") {
    const std::string usual = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    CHECK(is_traceparent(usual));
    CHECK(is_traceparent("cc" + usual.substr(2)));
    CHECK(is_traceparent("cc" + usual.substr(2) + "-more"));
    const auto with = [&](std::size_t at, std::string part) {
        return std::string(usual).replace(at, part.size(), part);
    };
    for (const auto& bad : {std::string(), usual.substr(1), usual + "0", usual + "-x", "cc" + usual.substr(2) + ".x",
                            with(0, "ff"), with(0, "0A"), with(2, "_"), with(10, "G"), with(10, "A"),
                            with(3, std::string(32, '0')), with(36, std::string(16, '0')), with(53, "0x")})
        CHECK_FALSE(is_traceparent(bad));
}

TEST_CASE("an id of a proxy is short and plain") {
    for (const char* good :
         {"1", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "Root=1-67891233-abcdef012345678912345678", "a_b.c~d+e/f==:@,"})
        CHECK(is_request_id(good));
    CHECK(is_request_id(std::string(128, 'a')));
    for (const std::string bad : {"", "a b", "a\"b", "a<b", "\xc3\xa9", "a;b"}) CHECK_FALSE(is_request_id(bad));
    CHECK_FALSE(is_request_id(std::string(129, 'a')));
}
