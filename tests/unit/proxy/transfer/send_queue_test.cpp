#include "proxy/transfer/send_queue.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::http;

namespace {

std::string queued_bytes(const SendQueue& queue) {
    std::string bytes;
    for (const auto& part : queue.parts()) bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
    return bytes;
}

} // namespace

TEST_CASE("queued parts are sent in order, however many bytes are taken at once") {
    const std::string whole = "HEAD4\r\nbody\r\n0\r\n\r\n";
    for (std::size_t step = 1; step <= whole.size(); ++step) {
        INFO("by " << step);
        SendQueue queue;
        queue.push("HEAD", 4);
        queue.push("4\r\n", 3);
        queue.push("body", 4);
        queue.push("\r\n", 2);
        queue.push("0\r\n\r\n", 5);
        for (std::size_t at = 0; at < whole.size(); at += step) {
            CHECK(queued_bytes(queue) == whole.substr(at));
            CHECK_FALSE(queue.empty());
            queue.remove(std::min(step, whole.size() - at));
        }
        CHECK(queue.empty());
    }
}

TEST_CASE("a queue that has been sent has room for all parts again") {
    SendQueue queue;
    for (int round = 0; round < 3; ++round) {
        for (const char* part : {"a", "b", "c", "d", "e"}) queue.push(part, 1);
        queue.remove(2);
        CHECK(queued_bytes(queue) == "cde");
        queue.remove(3);
        CHECK(queue.empty());
    }
}

TEST_CASE("a part that is extended stays one part") {
    SendQueue queue;
    queue.push("HEADbody", 4);
    queue.extend(4);
    CHECK(queue.parts().size() == 1);
    CHECK(queued_bytes(queue) == "HEADbody");
    queue.remove(3);
    queue.push("!", 1);
    CHECK(queued_bytes(queue) == "Dbody!");
}

TEST_CASE("an empty part leaves the queue with the bytes before it") {
    SendQueue queue;
    queue.push("a", 1);
    queue.push("", 0);
    queue.remove(1);
    CHECK(queue.empty());
    queue.push("", 0);
    queue.remove(0);
    CHECK(queue.empty());
}
