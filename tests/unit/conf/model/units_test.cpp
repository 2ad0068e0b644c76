#include "conf/model/units.h"
#include "tests/catch.h"

using namespace weir::conf;

TEST_CASE("durations need a whole number and a unit") {
    struct Row {
        const char* text;
        long long ms; // -1: refused
    };
    const Row rows[] = {{"1ms", 1},
                        {"5s", 5000},
                        {"2m", 120000},
                        {"1h", 3600000},
                        {"365d", 365ll * 86400000},
                        {"5", -1},
                        {"", -1},
                        {"s", -1},
                        {"-5s", -1},
                        {"05s", -1},
                        {"5.5s", -1},
                        {"5 s", -1},
                        {"5S", -1},
                        {"366d", -1},
                        {"0s", -1},
                        {"1e3ms", -1},
                        {"+5s", -1},
                        {"5sec", -1},
                        {"99999999999999999999s", -1}};
    for (const auto& row : rows) {
        INFO(row.text);
        const auto duration = parse_duration(row.text);
        CHECK(duration.has_value() == (row.ms >= 0));
        if (row.ms >= 0) CHECK(duration->count() == row.ms);
    }
}

TEST_CASE("the error of a duration without a unit suggests units") {
    CHECK(parse_duration("30").error().message().find("30s") != std::string::npos);
}

TEST_CASE("sizes need a unit, but 0 means none") {
    struct Row {
        const char* text;
        long long bytes;
    };
    const Row rows[] = {{"0", 0},   {"16KiB", 16384}, {"1MiB", 1 << 20}, {"7B", 7},    {"16", -1},
                        {"1K", -1}, {"010B", -1},     {"-1B", -1},       {"1kib", -1}, {"18446744073709551616B", -1}};
    for (const auto& row : rows) {
        INFO(row.text);
        const auto size = parse_size(row.text);
        CHECK(size.has_value() == (row.bytes >= 0));
        if (row.bytes >= 0) CHECK(size->bytes == static_cast<std::uint64_t>(row.bytes));
    }
}

TEST_CASE("whole numbers are plain decimal") {
    for (const char* text : {"010", "0x10", "+1", "-1", "1_000", "1.0", "", " 1", "99999999999999999999"}) {
        INFO(text);
        CHECK_FALSE(parse_whole(text, 0, 1000000));
    }
    CHECK(*parse_whole("0", 0, 9) == 0);
    CHECK(*parse_whole("9", 0, 9) == 9);
    CHECK_FALSE(parse_whole("10", 0, 9));
}

TEST_CASE("what is formatted reads back as the same") {
    for (const char* text : {"1ms", "1500ms", "5s", "90s", "2h", "3d"})
        CHECK(format(*parse_duration(text)) == std::string(text));
    for (const char* text : {"0", "1000B", "16KiB", "3MiB", "1GiB"})
        CHECK(format(*parse_size(text)) == std::string(text));
}

TEST_CASE("shares are 0% to 100%") {
    CHECK(parse_percent("20%")->value == 20);
    for (const char* text : {"20", "101%", "-1%", "%", "2.5%"}) {
        INFO(text);
        CHECK_FALSE(parse_percent(text));
    }
}
