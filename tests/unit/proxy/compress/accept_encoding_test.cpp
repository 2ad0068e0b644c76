#include "proxy/compress/accept_encoding.h"
#include "tests/catch.h"

#include <string>

using namespace weir;
using conf::ContentCoding;
using proxy::compress::AcceptEncoding;

namespace {

const std::vector<ContentCoding> all{ContentCoding::br, ContentCoding::zstd, ContentCoding::gzip};

// Returns the first letter of the coding that is chosen; '-' if none is.
char chosen(std::string_view value, const std::vector<ContentCoding>& offered = all) {
    AcceptEncoding accepted;
    accepted.read(value);
    const auto coding = accepted.choose(offered);
    if (!coding) return '-';
    return *coding == ContentCoding::br ? 'b' : *coding == ContentCoding::zstd ? 'z' : 'g';
}

std::uint16_t gzip_weight(std::string_view value) {
    AcceptEncoding accepted;
    accepted.read(value);
    return accepted.weight(ContentCoding::gzip);
}

} // namespace

TEST_CASE("the client's weights count first, then the preference of the route") {
    struct {
        const char* value;
        char coding;
    } const cases[] = {
        {"gzip, deflate, br, zstd", 'b'},
        {"gzip, zstd", 'z'},
        {"gzip", 'g'},
        {"x-gzip", 'g'},
        {"X-GZIP;q=0.1", 'g'},
        {"deflate, compress", '-'},
        {"", '-'},
        {"gzip;q=1, br;q=0.999", 'g'},
        {"gzip;q=0.5, br;q=0.5", 'b'},
        {"br;q=0, zstd;q=0, gzip;q=0.001", 'g'},
        {"gzip;q=0", '-'},
        {"*", 'b'},
        {"*;q=0", '-'},
        {"*;q=0.5, gzip", 'g'},
        {"br;q=0, *;q=0.1", 'z'},
        {"gzip;q=0.5, *", 'b'},
        {"*;q=0, gzip;q=0.2", 'g'},
        {"gzip ; q=0.3 , zstd ;\tq=0.4", 'z'},
    };
    for (const auto& [value, coding] : cases) {
        INFO(value);
        CHECK(chosen(value) == coding);
    }
    CHECK(chosen("gzip, br", {ContentCoding::gzip, ContentCoding::br}) == 'g');
    CHECK(chosen("gzip, zstd", {ContentCoding::br}) == '-');
    CHECK(chosen("gzip", {}) == '-');
}

TEST_CASE("content without a coding is sent if the client prefers it") {
    CHECK(chosen("identity, gzip;q=0.5") == '-');
    CHECK(chosen("identity;q=0.5, gzip;q=0.5") == 'g');
    CHECK(chosen("identity;q=0.5, gzip") == 'g');
    CHECK(chosen("identity;q=0, gzip;q=0.001") == 'g');
    CHECK(chosen("identity;q=0") == '-');
    CHECK(chosen("*;q=0.5, gzip;q=0.2, br;q=0, zstd;q=0") == '-');
    AcceptEncoding accepted;
    CHECK_FALSE(accepted.identity_weight());
    accepted.read("*;q=0.25");
    CHECK(accepted.identity_weight() == 250);
    accepted.read("identity;q=0");
    CHECK(accepted.identity_weight() == 0);
}

TEST_CASE("several fields are one list") {
    AcceptEncoding accepted;
    CHECK_FALSE(accepted.choose(all));
    accepted.read("gzip;q=0.5");
    accepted.read("zstd");
    CHECK(accepted.choose(all) == ContentCoding::zstd);
    accepted.read("zstd;q=0");
    CHECK(accepted.choose(all) == ContentCoding::gzip);
}

TEST_CASE("weights are read in thousandths, and illegal ones refuse the coding") {
    struct {
        const char* value;
        int weight;
    } const cases[] = {
        {"gzip", 1000},
        {"gzip;q=1", 1000},
        {"gzip;q=1.", 1000},
        {"gzip;q=1.000", 1000},
        {"gzip;Q=0.7", 700},
        {"gzip;q=0.07", 70},
        {"gzip;q=0.123", 123},
        {"gzip;q=0", 0},
        {"gzip;q=0.", 0},
        {"gzip;q=0.1234", 0},
        {"gzip;q=1.001", 0},
        {"gzip;q=2", 0},
        {"gzip;q=-1", 0},
        {"gzip;q=.5", 0},
        {"gzip;q=", 0},
        {"gzip;q", 0},
        {"gzip;", 0},
        {"gzip;level=9", 0},
        {"gzip;q=1;q=0.5", 0},
        {"gzip;q= 1", 0},
        {"gzip;q=0.5x", 0},
        {"gzip;q=nan", 0},
        {"gzip, gzip;q=0.5", 500},
        {"gzip;q=0.5, x-gzip", 500},
        {"gzipped", 0},
        {"gz ip", 0},
        {"\"gzip\"", 0},
    };
    for (const auto& [value, weight] : cases) {
        INFO(value);
        CHECK(gzip_weight(value) == weight);
    }
}

TEST_CASE("hostile values of Accept-Encoding do no harm") {
    CHECK(chosen(",,, ,\t,gzip,,") == 'g');
    CHECK(chosen(";;;q=1,=,;q=1") == '-');
    std::string many;
    for (int i = 0; i < 100'000; ++i) many += "gzip;q=0.5,br;q=9;*,";
    CHECK(chosen(many) == 'g');
    CHECK(chosen(std::string(100'000, ';') + "gzip") == '-');
    CHECK(chosen(std::string("gzip\0;q=1", 9)) == '-');
}
