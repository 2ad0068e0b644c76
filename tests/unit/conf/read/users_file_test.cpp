#include "conf/read/users_file.h"
#include "tests/catch.h"

#include <string>

using weir::conf::parse_users;

namespace {

const std::string bcrypt = "$2y$05$abcdefghijklmnopqrstuuIHFMoT1zXrYQb3HBjZuxlWmzPhx3nKy";
const std::string sha512 =
    "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";

std::string error_of(const std::string& text) {
    const auto users = parse_users(text);
    return users ? "" : users.error().message();
}

} // namespace

TEST_CASE("a file has a line for each user") {
    const auto users = parse_users("# staff\n\nann:" + bcrypt + "\r\nbob smith:" + sha512 + ":a comment of Apache's\n");
    REQUIRE(users);
    CHECK(users->size() == 2);
    CHECK(users->at("ann") == bcrypt);
    CHECK(users->at("bob smith") == sha512);
    CHECK(parse_users("ann:" + bcrypt)); // no line end
    CHECK(parse_users("# nobody\n")->empty());
}

TEST_CASE("a line that cannot work is named, with the remedy") {
    CHECK(error_of("ann\n").find("line 1: write \"user:hash\"") == 0);
    CHECK(error_of("# x\n:" + bcrypt).find("line 2: write \"user:hash\"") == 0);
    CHECK(error_of("ann:" + bcrypt + "\nann:" + sha512).find("line 2: duplicate user \"ann\"") == 0);
    for (const char* hash : {"", "secret", "$apr1$salt$abcdefghijklmnopqrstuv",
                             "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "$1$salt$abcdefghijklmnopqrstuv", "$2y$05$short",
                             "$2y$99$abcdefghijklmnopqrstuu", "$6$"}) {
        INFO(hash);
        CHECK(error_of(std::string("ann:") + hash).find("line 1: unsupported password hash: use bcrypt") == 0);
    }
}

TEST_CASE("a hash that takes too long is refused") {
    const std::string sha_tail = "$saltsalt$" + sha512.substr(sha512.rfind('$') + 1);
    for (const auto& hash : {"$2y$17" + bcrypt.substr(6), "$2y$31" + bcrypt.substr(6), "$6$rounds=999999999" + sha_tail,
                             "$y$jFT$saltsaltsaltsaltsalts." + std::string("$") + std::string(43, 'a')}) {
        INFO(hash);
        CHECK(error_of("ann:" + hash).find("line 1: checking this hash would take too long") == 0);
    }
    for (const auto& hash : {"$2y$16" + bcrypt.substr(6), "$6$rounds=5000000" + sha_tail}) {
        INFO(hash);
        CHECK(error_of("ann:" + hash).empty());
    }
}
