#include "proxy/grpc/message.h"
#include "tests/catch.h"

using namespace weir::proxy::grpc;

TEST_CASE("the message of a status is percent-encoded") {
    CHECK(encode_message("503 Service Unavailable") == "503 Service Unavailable");
    CHECK(encode_message("") == "");
    CHECK(encode_message("100%") == "100%25");
    CHECK(encode_message("a\r\nb\x7f~") == "a%0D%0Ab%7F~");
    CHECK(encode_message("\xc3\xa4") == "%C3%A4");
    CHECK(encode_message(" a b ") == "%20a b%20");
    CHECK(encode_message(" ") == "%20");
    CHECK(encode_message(std::string(5000, 'a')).size() == 1024);
}
