#include "proxy/reload/error_rate_baseline.h"
#include "tests/catch.h"

using namespace weir::proxy;

namespace {

// A pool of one backend and a listener; each step adds a hundred requests to both.
class BaselineFixture {
public:
    void step(std::uint64_t failed, std::uint64_t refused) {
        tries_ += 100;
        failed_ += failed;
        refused_ += refused;
        baseline.add({{"web", {1, 0, {{7, tries_, failed_}}}}}, {{"public", {tries_, refused_}}});
    }

    ErrorRateBaseline baseline;

private:
    std::uint64_t tries_ = 0, failed_ = 0, refused_ = 0;
};

} // namespace

TEST_CASE("the error-rate baseline is of the traffic since its first sample") {
    BaselineFixture test;
    test.step(50, 40); // the totals when sampling began
    CHECK(test.baseline.rates().empty());
    test.step(10, 0);
    test.step(30, 20);
    CHECK(test.baseline.rates() == ErrorRates{{"web", 0.2}});
    CHECK(test.baseline.refusals() == ErrorRates{{"public", 0.1}});
}

TEST_CASE("the error-rate baseline forgets what is older than its steps") {
    BaselineFixture test;
    test.step(0, 0);
    for (std::size_t i = 0; i < ErrorRateBaseline::length; ++i) test.step(100, 100);
    CHECK(test.baseline.rates() == ErrorRates{{"web", 1.0}});
    for (std::size_t i = 0; i < ErrorRateBaseline::length; ++i) test.step(0, 0);
    CHECK(test.baseline.rates() == ErrorRates{{"web", 0.0}});
    CHECK(test.baseline.refusals() == ErrorRates{{"public", 0.0}});
}
