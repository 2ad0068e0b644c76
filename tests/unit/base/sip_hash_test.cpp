#include "base/sip_hash.h"
#include "tests/catch.h"

#include <string>

// The vectors of the reference implementation: the key is 00 01 ... 0f, and the input 00 01 ... of each length.
TEST_CASE("SipHash-2-4 agrees with its reference") {
    const weir::SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
    std::string input;
    for (char c = 0; c < 16; ++c) input += c;
    CHECK(weir::sip_hash(key, "") == 0x726fdb47dd0e0e31);
    CHECK(weir::sip_hash(key, input.substr(0, 1)) == 0x74f839c593dc67fd);
    CHECK(weir::sip_hash(key, input.substr(0, 8)) == 0x93f5f5799a932462);
    CHECK(weir::sip_hash(key, input.substr(0, 15)) == 0xa129ca6149be45e5);
}
