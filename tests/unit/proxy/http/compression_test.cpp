#include "proxy/http/compression.h"
#include "proxy/http/rewrite.h"
#include "tests/catch.h"

#include <string>

using namespace weir;
using namespace weir::proxy;
using namespace weir::proxy::http;
using conf::ContentCoding;

namespace {

const conf::Compression usual_rules;

RequestedCompression requested_by(const std::string& fields, const conf::Compression& rules = usual_rules,
                                  const tls::ClientIdentity* identity = nullptr, const char* version = "1.1") {
    RequestHead head;
    const auto text = std::string("GET / HTTP/") + version + "\r\nHost: a\r\n" + fields + "\r\n";
    REQUIRE(parse_request(text, {}, head).status == HeadStatus::complete);
    return requested_compression(head, rules, identity);
}

// A response to a request with these fields.
struct Response {
    explicit Response(const std::string& fields, int status = 200, AnswerTo to = AnswerTo::other)
        : text("HTTP/1.1 " + std::to_string(status) + " x\r\n" + fields + "\r\n") {
        REQUIRE(parse_response(text, {}, head).status == HeadStatus::complete);
        framing = response_framing(head, to).framing;
    }
    std::optional<ContentChange> change(const std::string& request = "Accept-Encoding: gzip\r\n") const {
        return plan_content(head, framing, requested_by(request));
    }
    // Returns the head as the client gets it.
    std::string written(const ContentChange& change, const conf::HeaderEdit& edit = {}) const {
        BufferPool pool(4096, 4);
        Buffer out(pool);
        const HeadEdit edited{edit, {}};
        ResponsePlan plan{change.coding ? Framing{BodyKind::chunked} : framing};
        plan.edit = &edited;
        plan.content = &change;
        write_response(out, head, plan);
        return std::string(out.view());
    }

    std::string text;
    ResponseHead head;
    Framing framing;
};

const std::string html = "Content-Type: text/html\r\n", large = "Content-Length: 5000\r\n";
const ContentChange gzipped{ContentCoding::gzip, Validators::weakened};

bool is_compressed(const std::string& fields, int status = 200, AnswerTo to = AnswerTo::other) {
    const auto change = Response(fields, status, to).change();
    return change && change->coding;
}

bool head_has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("a request allows what it accepts, unless it has other wishes") {
    const std::string accepts = "Accept-Encoding: gzip\r\n";
    CHECK(requested_by(accepts).coding == ContentCoding::gzip);
    CHECK(requested_by("accept-encoding: gzip;q=0.5\r\nAccept-Encoding: br\r\n").coding == ContentCoding::br);
    CHECK_FALSE(requested_by("").coding);
    CHECK_FALSE(requested_by(accepts, usual_rules, nullptr, "1.0").coding);
    CHECK_FALSE(requested_by(accepts + "Cache-Control: no-cache, no-transform\r\n").coding);
    CHECK(requested_by(accepts).revalidates == Validators::kept);
    CHECK(requested_by(accepts + "If-None-Match: \"a\"\r\n").revalidates == Validators::kept);
    CHECK(requested_by(accepts + "If-None-Match: \"a\", W/\"b\"\r\n").revalidates == Validators::weakened);
}

TEST_CASE("requests with credentials are left out only if the route says so") {
    const std::string accepts = "Accept-Encoding: gzip\r\n";
    conf::Compression careful;
    careful.skip_authenticated = true;
    tls::ClientIdentity anonymous, known;
    known.subject = "CN=a";
    for (const char* credentials : {"Cookie: a\r\n", "authorization: Basic x\r\n"}) {
        CHECK(requested_by(accepts + credentials).coding);
        CHECK_FALSE(requested_by(accepts + credentials, careful).coding);
    }
    CHECK(requested_by(accepts, careful, &anonymous).coding);
    CHECK_FALSE(requested_by(accepts, careful, &known).coding);
    CHECK(requested_by(accepts, usual_rules, &known).coding);
}

TEST_CASE("what is encoded, partial, fixed, small or of another type stays") {
    CHECK(is_compressed(html + large));
    CHECK(is_compressed(html + "Transfer-Encoding: chunked\r\n"));
    CHECK(is_compressed(html));
    CHECK(is_compressed(html + large + "Content-Encoding: identity\r\n"));
    CHECK(is_compressed(html + large, 404));
    for (const std::string more :
         {"Content-Encoding: gzip\r\n", "content-encoding: identity, br\r\n", "Cache-Control: a, NO-TRANSFORM\r\n",
          "Content-Range: bytes 0-1/2\r\n", "Content-Type: text/html\r\n"}) {
        INFO(more);
        CHECK_FALSE(is_compressed(html + large + more));
    }
    for (const std::string type : {"", "Content-Type: text/event-stream; charset=utf-8\r\n", "Content-Type:\r\n",
                                   "Content-Type: image/png\r\n", "Content-Type: text\r\n"}) {
        INFO(type);
        CHECK_FALSE(is_compressed(large + type));
    }
    for (const int status : {204, 205, 206, 304, 416}) {
        INFO(status);
        CHECK_FALSE(is_compressed(html + (status == 416 ? "Content-Range: bytes */5\r\n" : ""), status));
    }
    CHECK_FALSE(is_compressed(html + "Content-Length: 1023\r\n"));
    CHECK(is_compressed(html + "Content-Length: 1024\r\n"));
    CHECK_FALSE(is_compressed(html + "Content-Length: 0\r\n"));
}

TEST_CASE("a response to HEAD has the head of the response to GET") {
    CHECK(is_compressed(html + large, 200, AnswerTo::head));
    CHECK(is_compressed(html, 200, AnswerTo::head));
    CHECK_FALSE(is_compressed(html + "Content-Length: 10\r\n", 200, AnswerTo::head));
    CHECK_FALSE(is_compressed(html + "Content-Length: 0\r\n", 200, AnswerTo::head));
}

TEST_CASE("what might have been compressed varies, whatever the client accepts") {
    for (const std::string request : {"", "Accept-Encoding: br\r\n", "Accept-Encoding: identity\r\n"})
        CHECK(Response(html + large).change(request));
    CHECK_FALSE(Response(html + "Content-Length: 5\r\n").change());
    CHECK_FALSE(Response(large).change());
    for (const int status : {206, 304}) {
        CHECK(Response(html, status).change());
        CHECK(Response("", status).change());
        CHECK_FALSE(Response("Content-Type: image/png\r\n", status).change());
        CHECK_FALSE(Response(html, status).change()->coding);
    }
    CHECK(Response("Content-Type: multipart/byteranges; boundary=x\r\n", 206).change());
    CHECK(Response("", 304).change("If-None-Match: W/\"a\"\r\n")->validators == Validators::weakened);
    CHECK(Response("", 206).change("If-None-Match: W/\"a\"\r\n")->validators == Validators::kept);
}

TEST_CASE("a body is sent plain if no encoder has memory left") {
    compress::EncoderPool pool(compress::max_memory_of(ContentCoding::gzip));
    const Response response(html + large), head(html + large, 200, AnswerTo::head);
    const auto requested = requested_by("Accept-Encoding: gzip\r\n");
    const auto first = compress_content(response.head, response.framing, requested, pool);
    CHECK(first.encoder);
    CHECK(first.change->coding == ContentCoding::gzip);
    const auto second = compress_content(response.head, response.framing, requested, pool);
    CHECK_FALSE(second.encoder);
    CHECK_FALSE(second.change->coding);
    CHECK(second.change->validators == Validators::kept);
    const auto without_body = compress_content(head.head, head.framing, requested, pool);
    CHECK_FALSE(without_body.encoder);
    CHECK(without_body.change->coding == ContentCoding::gzip);
}

TEST_CASE("the head says what was compressed, and nothing about the plain body") {
    const Response response(html + large +
                            "ETag: \"a\"\r\nAccept-Ranges: bytes\r\ndigest: x\r\nContent-MD5: x\r\nRepr-Digest: x\r\n"
                            "Content-Digest: x\r\nContent-Encoding: identity\r\nX: 1\r\n");
    CHECK(response.written(gzipped) == "HTTP/1.1 200 x\r\nVary: Accept-Encoding\r\nETag: W/\"a\"\r\nContent-Encoding: "
                                       "gzip\r\nContent-Type: text/html\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    const auto plain = response.written({});
    CHECK(head_has(plain, "\r\nVary: Accept-Encoding\r\n"));
    for (const char* kept : {"ETag: \"a\"", "Content-Length: 5000", "Accept-Ranges: bytes", "digest: x"})
        CHECK(head_has(plain, kept));
}

TEST_CASE("validators become weak, and invalid ones are left out") {
    CHECK(head_has(Response("ETag: W/\"a\"\r\n").written(gzipped), "\r\nETag: W/\"a\"\r\n"));
    CHECK_FALSE(head_has(Response("ETag: a\r\n").written(gzipped), "ETag"));
    CHECK_FALSE(head_has(Response("ETag: \"a\x01\"\r\n").written(gzipped), "ETag"));
    CHECK(head_has(Response("ETag: a\r\n").written({}), "\r\nETag: a\r\n"));
}

TEST_CASE("Vary is merged, and stated once") {
    CHECK(head_has(Response("Vary: Origin\r\nvary: Cookie\r\n").written(gzipped),
                   "Vary: Origin, Cookie, Accept-Encoding\r\n"));
    for (const char* enough : {"Vary: *\r\n", "Vary: a, ACCEPT-ENCODING\r\n"})
        CHECK_FALSE(head_has(Response(enough).written(gzipped), "Vary: Accept-Encoding"));
    // Control bytes are not forwarded.
    CHECK(head_has(Response("Vary: a\x01\r\n").written(gzipped), "Vary: Accept-Encoding\r\n"));
    CHECK(head_has(Response("Connection: Vary\r\nVary: a\r\n").written(gzipped), "Vary: Accept-Encoding\r\n"));
}

TEST_CASE("a route's own Vary does not hide that responses differ") {
    conf::HeaderEdit sets, adds, removes;
    sets.set.emplace_back("Vary", "Origin");
    adds.add.emplace_back("vary", "Accept-Encoding");
    removes.remove.emplace_back("Vary");
    const Response response("Vary: a\r\n");
    CHECK(head_has(response.written(gzipped, sets), "\r\nVary: Accept-Encoding\r\n"));
    CHECK(head_has(response.written(gzipped, sets), "\r\nVary: Origin\r\n"));
    CHECK(head_has(response.written(gzipped, adds), "\r\nVary: a\r\n"));
    CHECK(head_has(response.written(gzipped, adds), "\r\nvary: Accept-Encoding\r\n"));
    CHECK(head_has(response.written(gzipped, removes), "\r\nVary: Accept-Encoding\r\n"));
    CHECK_FALSE(head_has(response.written(gzipped, removes), "Vary: a"));
}
