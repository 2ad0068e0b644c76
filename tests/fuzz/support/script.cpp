#include "tests/fuzz/support/script.h"

#include <chrono>
#include <iterator>

namespace weir::script {
namespace {

const std::string_view requests[]{
    "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /b HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\n",
    "GET http://a/e?f HTTP/1.1\r\nHost: a\r\nConnection: close, X-Gone\r\nX-Gone: 1\r\n\r\n",
    "GET /f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /g HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "POST /h HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
    "POST /i HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n",
    "POST /j HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2 ; a=\"b;\\\"\"\r\nok\r\n0\r\n\r\n",
    "POST /k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;bad[=x\r\nok\r\n0\r\n\r\n",
    "GET http://a:80/l HTTP/1.1\r\nHost: A.\r\nX_Forwarded.For: 6.6.6.6\r\nExpect: 100-continue\r\nExpect: "
    "100-continue\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nX-User: evil\r\nX_User: evil\r\nx.user: evil\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a\r\nTE: trailers, gzip\r\nConnection: TE, X-Gone\r\nTrailer: X-Sum\r\n"
    "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nx_gone: 1\r\nContent_Length: 9\r\nHost: evil\r\n"
    "x.user: evil\r\nX-Sum: 2\r\n\r\n",
};
const std::string_view answers[]{
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "HTTP/1.0 500 Broken\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\nok\r\n0 ;[\r\n\r\n",
    "HTTP/1.1 200 O\x01K\r\nContent-Length: 2, 2\r\nA: \x02 b\x7f\r\nContent-Length: 02\r\n\r\nok",
    "HTTP/1.1 426 Upgrade Required\r\nUpgrade: x\x1b\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: X-Gone\r\n\r\n1\r\na\r\n0\r\n"
    "X-Sum: \x02 1\x7f\r\nX-Gone: 1\r\nSet-Cookie: a=b\r\nTransfer_Encoding: chunked\r\nX-Sum:\r\n\r\n",
};

// Returns the backend connection that was opened last, or null.
memory_io::Wire* backend() {
    const auto& all = memory_io::connected();
    return all.empty() ? nullptr : &memory_io::wire(all.back());
}

} // namespace

void play(memory_io::MemoryWorker& bench, memory_io::Wire& client, std::string_view script) {
    const auto bytes_of = [&script](std::size_t size) {
        const auto bytes = script.substr(0, size);
        script.remove_prefix(bytes.size());
        return bytes;
    };
    while (script.size() >= 2) {
        const auto operation = static_cast<unsigned char>(script[0]) % 11;
        const std::size_t number = static_cast<unsigned char>(script[1]);
        script.remove_prefix(2);
        auto* last = backend();
        switch (operation) {
        case 0: memory_io::arrive(client, bytes_of(number)); break;
        case 1: memory_io::arrive(client, requests[number % std::size(requests)]); break;
        case 2:
            if (last) memory_io::arrive(*last, bytes_of(number));
            break;
        case 3:
            if (last) memory_io::arrive(*last, answers[number % std::size(answers)]);
            break;
        case 4: memory_io::end(client); break;
        case 5: // not after an end, because weir could see either of the two
            if (!client.ended) memory_io::reset(client);
            break;
        case 6:
            if (last) memory_io::end(*last);
            break;
        case 7:
            if (last && !last->ended) memory_io::reset(*last);
            break;
        case 8: // the client reads only this many more bytes; 0 removes the limit
            client.window = number;
            if (number == 0) memory_io::widen(client, ~std::size_t{0});
            break;
        case 9:
            if (last) last->window = number;
            if (last && number == 0) memory_io::widen(*last, ~std::size_t{0});
            break;
        case 10: memory_io::run(bench.loop, std::chrono::milliseconds(number * 10)); break;
        }
        memory_io::run(bench.loop);
    }
}

const char* end_all(memory_io::MemoryWorker& bench, memory_io::Wire& client) {
    memory_io::reset(client);
    memory_io::run(bench.loop, std::chrono::seconds(3));
    bench.forget_idle();
    if (bench.clients.size() != 0) return "a session does not end";
    for (const int descriptor : memory_io::connected())
        if (memory_io::wire(descriptor).socket) return "a connection to a backend is left";
    return nullptr;
}

} // namespace weir::script
