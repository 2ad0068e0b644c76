#include "proxy/http2/websocket_handshake.h"

#include "tests/catch.h"

#include <string>

using namespace weir::proxy::http2;

TEST_CASE("the key of a WebSocket handshake has one accept value") {
    // RFC 6455 section 1.3
    CHECK(accepts_websocket("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    CHECK_FALSE(accepts_websocket("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="));
    CHECK_FALSE(accepts_websocket("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo"));
    CHECK_FALSE(accepts_websocket("dGhlIHNhbXBsZSBub25jZQ=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    CHECK_FALSE(accepts_websocket("dGhlIHNhbXBsZSBub25jZQ==", ""));
    CHECK_FALSE(accepts_websocket(std::string(1000, 'k'), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    CHECK(accepts_websocket("", "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w="));
}
