#include "proxy/auth/basic_credentials.h"
#include "tests/catch.h"

#include <string>

using namespace weir::proxy::auth;

TEST_CASE("Basic credentials are read") {
    // The example of RFC 7617 section 2.
    CHECK(parse_basic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == BasicCredentials{"Aladdin", "open sesame"});
    CHECK(parse_basic("bAsIc   QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == BasicCredentials{"Aladdin", "open sesame"});
    CHECK(parse_basic("Basic dGVzdDoxMjPCow==") == BasicCredentials{"test", "123\xc2\xa3"}); // section 2.1
    CHECK(parse_basic("Basic YTpiOmM=") == BasicCredentials{"a", "b:c"});
    CHECK(parse_basic("Basic Og==") == BasicCredentials{"", ""});
}

TEST_CASE("what is not Basic credentials is not taken for them") {
    for (const std::string value : {"",
                                    "Basic",
                                    "Basic ",
                                    "Basic=",
                                    "Bearer YTpi",
                                    "BasicYTpi",
                                    "Basic YTp",
                                    "Basic YTpi=",
                                    "Basic YTpi====",
                                    "Basic =",
                                    "Basic ====",
                                    "Basic YTpi YTpi",
                                    "Basic YTpi ",
                                    "Basic Y=pi",
                                    "Basic YT*i",
                                    "Basic YWJj" /* no colon */,
                                    "Basic YTpiAA==" /* NUL */,
                                    "Basic YTpiCg==" /* line feed */,
                                    "Basic YQo6Yg==",
                                    "Basic \xc3\xa9pi"}) {
        INFO(value);
        CHECK_FALSE(parse_basic(value));
    }
}
