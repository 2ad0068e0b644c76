#include "conf/model/address_blocks.h"
#include "tests/catch.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <arpa/inet.h>

using namespace weir::conf;

namespace {

std::vector<Cidr> parse_all(const std::vector<std::string>& texts) {
    std::vector<Cidr> blocks;
    for (const auto& text : texts) blocks.push_back(*Cidr::parse(text));
    return blocks;
}

// Chooses from a few bytes only, so that blocks nest, touch and repeat, and addresses are often in one of them.
template <class Random> std::array<unsigned char, 16> some_bytes(Random& random) {
    static constexpr unsigned char usual[] = {0, 1, 127, 128, 254, 255};
    std::array<unsigned char, 16> bytes;
    for (auto& byte : bytes) byte = usual[random() % std::size(usual)];
    if (random() % 3 == 0) bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, bytes[0], bytes[1], bytes[2], bytes[3]};
    return bytes;
}

Address make_address(int family, const std::array<unsigned char, 16>& bytes) {
    sockaddr_storage raw{};
    raw.ss_family = static_cast<sa_family_t>(family);
    auto* where = family == AF_INET ? static_cast<void*>(&reinterpret_cast<sockaddr_in&>(raw).sin_addr)
                                    : &reinterpret_cast<sockaddr_in6&>(raw).sin6_addr;
    std::copy_n(bytes.begin(), family == AF_INET ? 4 : 16, static_cast<unsigned char*>(where));
    return Address::from(reinterpret_cast<const sockaddr*>(&raw));
}

template <class Random> Cidr some_block(Random& random) {
    Cidr block;
    block.family = random() % 2 ? AF_INET : AF_INET6;
    block.bytes = some_bytes(random);
    block.prefix = static_cast<unsigned>(random() % (block.family == AF_INET ? 33 : 129));
    if (random() % 8) block.prefix = std::max(block.prefix, 8u); // wide blocks are rare: they leave nothing outside
    if (block.family == AF_INET) std::fill(block.bytes.begin() + 4, block.bytes.end(), static_cast<unsigned char>(0));
    return block;
}

} // namespace

TEST_CASE("a set of blocks has the addresses that one of its blocks has") {
    std::minstd_rand random(1);
    int inside = 0, outside = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<Cidr> blocks(random() % 40);
        for (auto& block : blocks) block = some_block(random);
        const AddressBlocks set(blocks);
        for (int i = 0; i < 200; ++i) {
            const auto address = make_address(random() % 2 ? AF_INET : AF_INET6, some_bytes(random));
            const bool naive = std::any_of(blocks.begin(), blocks.end(), [&](auto& b) { return b.contains(address); });
            ++(naive ? inside : outside);
            if (set.contains(address) == naive) continue;
            for (const auto& block : blocks) UNSCOPED_INFO(block.text());
            FAIL(address.text() << " is " << (naive ? "in" : "outside of") << " the blocks");
        }
    }
    CHECK(inside > 10'000);
    CHECK(outside > 10'000);
}

TEST_CASE("a set of blocks contains the first and last address of each block") {
    const AddressBlocks set(parse_all({"10.1.2.3/8", "10.0.0.0/16", "10.255.255.255", "192.168.0.0/25",
                                       "192.168.0.128/25", "fd00::/8", "fd12::/16", "2001:db8::1"}));
    for (const char* text :
         {"10.0.0.0:1", "10.255.255.255:1", "192.168.0.0:1", "192.168.0.127:1", "192.168.0.128:1", "192.168.0.255:1",
          "[fd00::]:1", "[fdff:ffff::ffff]:1", "[2001:db8::1]:1", "[::ffff:10.9.9.9]:1"}) {
        INFO(text);
        CHECK(set.contains(*Address::parse(text)));
    }
    for (const char* text : {"9.255.255.255:1", "11.0.0.0:1", "192.167.255.255:1", "192.168.1.0:1", "[fc00::]:1",
                             "[fe00::]:1", "[2001:db8::]:1", "[2001:db8::2]:1", "[::ffff:11.0.0.0]:1", "[a00::]:1"}) {
        INFO(text);
        CHECK_FALSE(set.contains(*Address::parse(text)));
    }
    CHECK_FALSE(set.contains(Address()));
    CHECK_FALSE(AddressBlocks().contains(*Address::parse("10.0.0.1:1")));
}

TEST_CASE("blocks of length 0 have every address of their family, and no other") {
    const auto v4 = *Address::parse("203.0.113.7:1"), v6 = *Address::parse("[2001:db8::1]:1"),
               mapped = *Address::parse("[::ffff:203.0.113.7]:1");
    const AddressBlocks every_v4(parse_all({"0.0.0.0/0", "10.0.0.0/8"})), every_v6(parse_all({"fd00::/8", "::/0"}));
    CHECK(every_v4.contains(v4));
    CHECK(every_v4.contains(mapped));
    CHECK_FALSE(every_v4.contains(v6));
    CHECK(every_v6.contains(v6));
    CHECK_FALSE(every_v6.contains(v4));
    CHECK_FALSE(every_v6.contains(mapped));
}
