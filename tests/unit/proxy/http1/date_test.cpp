#include "proxy/http1/date.h"
#include "tests/catch.h"

using std::chrono::seconds;
using std::chrono::sys_seconds;
using weir::proxy::http::DateClock;

TEST_CASE("a Date is formatted as in RFC 9110 and follows the clock both ways") {
    DateClock clock;
    CHECK(clock.text(sys_seconds(seconds(784111777))) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(clock.text(sys_seconds(seconds(784111777)) + std::chrono::milliseconds(999)) ==
          "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(clock.text(sys_seconds(seconds(784111778))) == "Sun, 06 Nov 1994 08:49:38 GMT");
    CHECK(clock.text(sys_seconds(seconds(0))) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(clock.text(sys_seconds(seconds(1709251199))) == "Thu, 29 Feb 2024 23:59:59 GMT");
}
