#include "proxy/http1/status.h"
#include "proxy/http2/response_fields.h"
#include "tests/catch.h"

#include <algorithm>
#include <string>

using namespace weir::proxy;
using namespace weir::proxy::http2;

namespace {

using Lines = std::vector<std::string>;

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

struct Answer {
    int status;
    Lines fields; // "name=value"
};

// Reads from memory of exactly this size, so that a sanitizer sees reads behind it.
Answer read(const std::string& head) {
    std::vector<char> bytes(head.begin(), head.end());
    std::vector<nghttp2_nv> fields(3);
    Answer answer{read_response_fields(bytes, fields), {}};
    for (const auto& field : fields) {
        CHECK(field.flags == NGHTTP2_NV_FLAG_NONE);
        answer.fields.push_back(std::string(text_of(field.name, field.namelen)) + "=" +
                                std::string(text_of(field.value, field.valuelen)));
    }
    return answer;
}

} // namespace

TEST_CASE("the fields of an HTTP/2 response") {
    struct Row {
        std::string head;
        int status;
        Lines fields;
    };
    const std::vector<Row> rows{
        {"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n",
         200,
         {":status=200", "content-type=text/plain", "content-length=5"}},
        {"HTTP/1.1 204 \r\n\r\n", 204, {":status=204"}},
        {"HTTP/1.1 204\r\n\r\n", 204, {":status=204"}},
        {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 103, {":status=103", "link=</a>"}},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nKeep-Alive: timeout=5\r\n"
         "PROXY-CONNECTION: x\r\nUpgrade: h2c\r\nTE: trailers\r\nHTTP2-Settings: x\r\nX-A: 1\r\n\r\n",
         200,
         {":status=200", "x-a=1"}},
        {"HTTP/1.1 200 OK\r\nX-UPPER_Name!: Kept As It Is \r\nX-Empty:\r\nX-Tab:\t\xff\t\r\n\r\n",
         200,
         {":status=200", "x-upper_name!=Kept As It Is", "x-empty=", "x-tab=\xff"}},
        {"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nDate: x\r\n\r\n",
         200,
         {":status=200", "set-cookie=a=1", "set-cookie=b=2", "date=x"}},
        {"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: abc=\r\nSec-WebSocket-Protocol: chat\r\n"
         "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
         200,
         {":status=200", "sec-websocket-protocol=chat"}},
        {"HTTP/1.1 200 OK\r\nSec-WebSocket-Accept: abc=\r\n\r\n", 200, {":status=200", "sec-websocket-accept=abc="}},
        {"HTTP/1.1 200 OK\r\nA: 1\r\n\r\nB: 2\r\n", 200, {":status=200", "a=1"}},
    };
    for (const auto& row : rows) {
        INFO(row.head);
        const auto answer = read(row.head);
        CHECK(answer.status == row.status);
        CHECK(answer.fields == row.fields);
    }
}

TEST_CASE("a head that is no response has no fields") {
    for (const std::string head : {"", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 2", "HTTP/1.1 20", "HTTP/1.1 2x0 OK\r\n\r\n",
                                   "HTTP/1.1 099 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"}) {
        INFO(head);
        CHECK(status_of_head(head) == 0);
        const auto answer = read(head);
        CHECK(answer.status == 0);
        CHECK(answer.fields.empty());
    }
    CHECK(status_of_head("HTTP/1.1 200") == 200);
}

TEST_CASE("a response head that is cut off anywhere has the fields before it") {
    const std::string head = "HTTP/1.1 200 OK\r\nA: 1\r\n:b: 2\r\nno colon\r\n: c\r\nD:\r\n\r\n";
    for (std::size_t size = 0; size <= head.size(); ++size) {
        INFO(size);
        Lines fields;
        if (size >= 12) fields.push_back(":status=200");
        if (size >= head.find("\r\n:b") + 2) fields.push_back("a=1");
        if (size >= head.size() - 2) fields.push_back("d=");
        CHECK(read(head.substr(0, size)).fields == fields);
    }
}

TEST_CASE("the fields of a page that weir writes") {
    BufferPool pool(1024, 1);
    Buffer out(pool);
    http::write_page(out, {405, http::Connection::close});
    const auto answer = read(std::string(out.view()));
    CHECK(answer.status == 405);
    const Lines& fields = answer.fields;
    CHECK(fields.front() == ":status=405");
    CHECK(std::find(fields.begin(), fields.end(), "allow=GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS") !=
          fields.end());
    CHECK(std::find(fields.begin(), fields.end(), "connection=close") == fields.end());
}
