#include "health/probes/probe_stream.h"

#include "base/use_nothrow_awaitable.h"

namespace weir::health {

namespace asio = boost::asio;

asio::awaitable<std::string> ProbeStream::start_tls(const ProbeTls& tls, std::string_view alpn) {
    auto session = tls.context->new_session(tls.host, alpn);
    if (!session) co_return "no memory for a TLS connection";
    tls_.emplace(socket_, session.release());
    const auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::client, use_nothrow_awaitable);
    if (!error) co_return std::string();
    const auto verdict = SSL_get_verify_result(tls_->native_handle());
    const bool verifies = SSL_get_verify_mode(tls_->native_handle()) != SSL_VERIFY_NONE;
    if (verifies && verdict != X509_V_OK) co_return X509_verify_cert_error_string(verdict);
    co_return error.message();
}

} // namespace weir::health
