#include "proxy/admin/connection_table.h"
#include "tests/catch.h"

using namespace weir::proxy::admin;

namespace {

ConnectionTable::Id open(ConnectionTable& table, const std::string& source, Origin origin = Origin::remote) {
    const auto opened = table.open(source, origin);
    REQUIRE(opened.id);
    return *opened.id;
}

} // namespace

TEST_CASE("a source that opens too many connections displaces its own oldest one") {
    ConnectionTable table({2, 10, 10, 10});
    const auto other = open(table, "other"), first = open(table, "flood"), second = open(table, "flood");
    CHECK(table.open("flood", Origin::remote).displaced == first);
    CHECK(table.open("flood", Origin::remote).displaced == second);
    CHECK(table.size() == 3);
    table.close(other);
    CHECK(table.size() == 2);
}

TEST_CASE("when all sources together exceed the limit, the largest makes room") {
    ConnectionTable table({3, 10, 4, 10});
    open(table, "quiet");
    const auto first = open(table, "flood");
    open(table, "flood");
    open(table, "flood");
    const auto opened = table.open("new", Origin::remote);
    CHECK(opened.id);
    CHECK(opened.displaced == first);
    CHECK(table.size() == 4);
}

TEST_CASE("other machines leave room for this one, unknown ones for known ones") {
    // Connections from other machines never take the room reserved for this one. Connections without a token never take
    // the room of known sources.
    ConnectionTable table({100, 2, 3, 2});
    const auto known = open(table, "10.0.0.1");
    CHECK_FALSE(table.set_known(known));
    const auto local = open(table, "127.0.0.1", Origin::local);
    for (int i = 0; i < 50; ++i) open(table, "flood");
    CHECK(table.size() == 5); // three of them from the flood
    table.set_busy(known, true);
    CHECK_FALSE(table.set_known(local)); // both connections are still open
}

TEST_CASE("a connection whose request is being answered is never displaced") {
    ConnectionTable table({1, 1, 1, 1});
    const auto busy = open(table, "a");
    table.set_busy(busy, true);
    CHECK_FALSE(table.open("a", Origin::remote).id);
    table.set_busy(busy, false);
    CHECK(table.open("a", Origin::remote).displaced == busy);
}

TEST_CASE("too many known connections displace the one that was used least lately") {
    ConnectionTable table({10, 10, 10, 2});
    const auto a = open(table, "a"), b = open(table, "a"), c = open(table, "a");
    CHECK_FALSE(table.set_known(a));
    CHECK_FALSE(table.set_known(b));
    table.set_busy(a, true);
    table.set_busy(a, false);
    CHECK(table.set_known(c) == b);
    CHECK(table.size() == 2);
    table.close(b); // closing it again does nothing
    CHECK(table.size() == 2);
}
