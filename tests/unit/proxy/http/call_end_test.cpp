#include "proxy/http/call_end.h"
#include "tests/catch.h"

#include <optional>
#include <string>

using namespace weir::proxy;
using namespace weir::proxy::http;

namespace {

struct Counted {
    std::string method;
    std::size_t status;
};

log::AccessRecord record_of(int status, FailureReason reason, std::optional<int> grpc_status = {}) {
    log::AccessRecord record;
    record.status = status;
    record.failure = {reason};
    record.grpc_status = grpc_status;
    return record;
}

// Counts a call, and returns as what it was counted.
Counted count(const log::AccessRecord& record) {
    GrpcMethodStats methods(1);
    count_call(methods, 0, "/a.A/m", record);
    std::optional<Counted> counted;
    methods.each([&](const std::string&, const std::string& method, const GrpcMethodStats::Counts& counts) {
        for (std::size_t i = 0; i < counts.size(); ++i)
            if (counts[i]) counted = Counted{method, i};
    });
    REQUIRE(counted);
    return *counted;
}

} // namespace

TEST_CASE("a call that weir ends is a page with HTTP status 200 and no body") {
    auto record = record_of(503, FailureReason::no_backend);
    Page page{record.status};
    page.location = "/x";
    begin_call_error(page, record);
    CHECK(page.status == 200);
    CHECK(page.content_type == "application/grpc");
    CHECK(page.text == "");
    CHECK(page.location.empty());
    CHECK(record.status == 503);
    CHECK(record.grpc_status == 14);
}

TEST_CASE("a status that a call has already is kept") {
    auto record = record_of(302, FailureReason::none, 16);
    Page page{record.status};
    begin_call_error(page, record);
    CHECK(record.grpc_status == 16);
}

TEST_CASE("the message of a call is the text of its route, or the status of HTTP") {
    weir::conf::FixedResponse fixed;
    CHECK(call_message(503, nullptr) == "503 Service Unavailable");
    CHECK(call_message(503, &fixed) == "503 Service Unavailable");
    fixed.body = "back at noon";
    CHECK(call_message(503, &fixed) == "back at noon");
}

TEST_CASE("a call is counted with the status that its client concludes") {
    auto answered = record_of(200, FailureReason::none, 5);
    answered.durations.first_byte = std::chrono::milliseconds(1);
    CHECK(count(answered).method == "m"); // the backend has shown that the method exists
    CHECK(count(answered).status == 5);
    const std::pair<log::AccessRecord, std::size_t> table[] = {
        {record_of(504, FailureReason::deadline_exceeded, 4), 4},
        {record_of(200, FailureReason::none), 2},  // no status at all
        {record_of(503, FailureReason::none), 14}, // the backend's, without one of gRPC
        {record_of(499, FailureReason::client_closed), 1},
        {record_of(200, FailureReason::response_truncated), 14},
        {record_of(200, FailureReason::deadline_exceeded), 4},
    };
    for (const auto& [record, status] : table) {
        CHECK(count(record).method == "other");
        CHECK(count(record).status == status);
    }
}
