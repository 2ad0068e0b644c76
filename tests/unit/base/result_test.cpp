#include "base/result.h"
#include "tests/catch.h"

#include <boost/system/errc.hpp>

#include <memory>

using namespace weir;

namespace {

Result<int> half(int number) {
    if (number % 2 != 0) return Error("an odd number");
    return number / 2;
}

Result<void> make(boost::system::errc::errc_t code) {
    if (code != boost::system::errc::success) return boost::system::errc::make_error_code(code);
    return {};
}

} // namespace

TEST_CASE("a result has a value or an error") {
    REQUIRE(half(4));
    CHECK(*half(4) == 2);
    const auto bad = half(3);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().message() == "an odd number");
    CHECK_FALSE(bad.error().code()); // it has only a message
}

TEST_CASE("an error without a message has that of its code") {
    CHECK(make(boost::system::errc::success));
    const auto bad = make(boost::system::errc::no_such_file_or_directory);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().code() == boost::system::errc::no_such_file_or_directory);
    CHECK(bad.error().message() == "No such file or directory");
    const Result<int> passed_on = bad.error();
    CHECK(passed_on.error().code() == bad.error().code());
}

TEST_CASE("reading a value that is not there throws the message") {
    CHECK_THROWS_WITH(half(3).value(), "an odd number");
    CHECK_THROWS_WITH(make(boost::system::errc::is_a_directory).value(), "Is a directory");
}

TEST_CASE("a text is the value of a result, and never its error") {
    const Result<std::string> text = "text";
    REQUIRE(text);
    CHECK(text->size() == 4);
    const Result<std::optional<int>> none = std::nullopt;
    CHECK((none && !*none));
}

TEST_CASE("a value that cannot be copied is moved out") {
    Result<std::unique_ptr<int>> made = std::make_unique<int>(5);
    const auto taken = *std::move(made);
    CHECK(*taken == 5);
}
