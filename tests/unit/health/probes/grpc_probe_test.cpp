#include "health/probes/grpc_probe.h"
#include "tests/catch.h"
#include "tests/unit/health/probes/http2_server.h"

using namespace weir;
using namespace weir::health;
using namespace weir::tests::http2;
using namespace std::string_literals;

namespace {

const std::string hello = frame(settings, 0, 0);
const std::string type = field("content-type", "application/grpc");
const std::string begin = hello + head(field(":status", "200") + type);
const std::string serving = "\0\0\0\0\x02\x08\x01"s, not_serving = "\0\0\0\0\x02\x08\x02"s;
const std::string fine = end(field("grpc-status", "0"));

ProbeResult result_of(const std::string& answer) {
    Server server(answer);
    conf::HealthCheck check;
    check.type = conf::CheckType::grpc;
    GrpcProbe probe(check);
    auto result = server.run(probe.talk(server.client, conf::Endpoint::at_socket("/run/a.sock")));
    REQUIRE(result);
    return *result;
}

std::string trailers_only(const std::string& fields) { return hello + end(field(":status", "200") + type + fields); }

} // namespace

TEST_CASE("a gRPC server passes if it serves") {
    for (const auto& answer : {
             begin + frame(data, 0, 1, serving) + fine,
             begin + frame(data, 0, 1, serving.substr(0, 3)) + frame(data, 0, 1) +
                 frame(data, 0, 1, serving.substr(3)) + fine,
             hello + head(field(":status", "200") + field("content-type", "application/grpc+proto")) +
                 frame(data, 0, 1, serving) + fine,
         }) {
        const auto result = result_of(answer);
        CHECK(result.outcome == ProbeOutcome::passed);
        CHECK(result.text == "SERVING");
    }
}

TEST_CASE("a gRPC server that does not serve fails with the reason") {
    const auto call = [](const std::string& body, const std::string& trailers) {
        return begin + frame(data, 0, 1, body) + end(trailers);
    };
    const auto plain = [](const std::string& status, const std::string& more = "") {
        return hello + head(field(":status", status) + more) + frame(data, end_stream, 1, "<html>");
    };
    struct Row {
        std::string answer;
        const char* text;
    };
    const Row rows[] = {
        {begin + frame(data, 0, 1, not_serving) + fine, "NOT_SERVING"},
        {begin + frame(data, 0, 1, "\0\0\0\0\0"s) + fine, "UNKNOWN"},
        {begin + frame(data, 0, 1, "\0\0\0\0\x02\x08\x03"s) + fine, "SERVICE_UNKNOWN"},
        {begin + frame(data, 0, 1, "\0\0\0\0\x02\x08\x09"s) + fine, "status 9"},
        {trailers_only(field("grpc-status", "12")), "grpc-status 12 UNIMPLEMENTED: the server has no health service"},
        {trailers_only(field("grpc-status", "5") + field("grpc-message", "unknown service")),
         "grpc-status 5 NOT_FOUND: the server does not know the service"},
        {trailers_only(field("grpc-status", "14") + field("grpc-message", "warming%20up")),
         "grpc-status 14 UNAVAILABLE: warming up"},
        {trailers_only(field("grpc-status", "0")), "the response has no message"},
        {trailers_only(""), "the response has no grpc-status"},
        {call("", field("grpc-status", "13")), "grpc-status 13 INTERNAL"},
        {call(serving, field("grpc-status", "13") + field("grpc-message", "x")), "grpc-status 13 INTERNAL: x"},
        {call(serving, field("x-a", "0")), "the response has no grpc-status"},
        {begin + frame(data, end_stream, 1, serving), "the response has no grpc-status"},
        {hello + head(field(":status", "200") + type + field("grpc-status", "0")) + frame(data, end_stream, 1, serving),
         "the response has no grpc-status"},
        {begin + frame(data, 0, 1, "\x01" + serving.substr(1)) + fine,
         "the message is compressed, which weir has not asked for"},
        {begin + frame(data, 0, 1, serving + serving) + fine, "the response has more than one message"},
        {begin + frame(data, 0, 1, serving.substr(0, 6)) + fine, "the message is cut off"},
        {begin + fine, "the response has no message"},
        {plain("503"), "status 503"},
        {plain("200", field("content-type", "text/html")),
         "not a gRPC response: its content-type is not application/grpc"},
        {plain("200"), "not a gRPC response: its content-type is not application/grpc"},
        {hello + end(field(":status", "503") + field("grpc-status", "14")), "grpc-status 14 UNAVAILABLE"},
        {hello + head(field(":status", "500") + type) + frame(data, 0, 1, serving) + fine, "status 500"},
        {hello + frame(goaway, 0, 0, number(0) + number(11)), "GOAWAY: ENHANCE_YOUR_CALM"},
    };
    for (const auto& row : rows) {
        INFO(row.text);
        const auto result = result_of(row.answer);
        CHECK(result.outcome == ProbeOutcome::failed);
        CHECK(result.text == row.text);
    }
}

TEST_CASE("a gRPC answer that is too large fails") {
    std::string answer = begin;
    for (int i = 0; i < 5; ++i) answer += frame(data, 0, 1, std::string(16'384, '\0'));
    CHECK(result_of(answer).text == "the response is larger than 64KiB");
}
