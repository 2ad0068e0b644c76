#include "proxy/http/captured_body.h"

#include "tests/catch.h"

#include <string>
#include <vector>

using namespace weir::proxy;
using namespace weir::proxy::http;

TEST_CASE("a body is captured in its pieces, up to its limit", "[mirror]") {
    struct Case {
        std::vector<std::string> pieces;
        bool is_whole;
        std::string bytes;
    };
    const std::vector<Case> cases{
        {{}, true, ""},
        {{"some", " text"}, true, "some text"},
        {{"0123456789"}, true, "0123456789"},
        {{"01234", "5", "6789"}, true, "0123456789"},
        {{"0123456789A"}, false, ""},
        {{"0123456789", "A"}, false, ""},
        {{"0123456789A", "x"}, false, ""},
    };
    for (const auto& each : cases) {
        MirrorList budget;
        CapturedBody body(budget, 10);
        for (const auto& piece : each.pieces) body.on_data(piece);
        CHECK(body.is_whole() == each.is_whole);
        CHECK(body.bytes() == each.bytes);
    }
}

TEST_CASE("captured bodies share a budget and give back what they took", "[mirror]") {
    MirrorList budget;
    const std::string piece(MirrorList::max_bytes / 2, 'x');
    CapturedBody third(budget, MirrorList::max_bytes);
    {
        CapturedBody first(budget, MirrorList::max_bytes), second(budget, MirrorList::max_bytes);
        first.on_data(piece);
        second.on_data(piece);
        CHECK(first.is_whole());
        CHECK(second.is_whole());
        third.on_data(std::string_view("x"));
        CHECK_FALSE(third.is_whole());
        second.on_data(piece); // it is dropped, and its memory is free again
        CHECK_FALSE(second.is_whole());
        CapturedBody fourth(budget, MirrorList::max_bytes);
        fourth.on_data(piece);
        CHECK(fourth.is_whole());
    }
    CHECK(budget.reserve(MirrorList::max_bytes));
    CHECK_FALSE(budget.reserve(1));
}
