#include "tests/catch.h"
#include "tests/unit/support/test_certificates.h"
#include "tls/client_context.h"
#include "tls/client_sessions.h"
#include "tls/server_context.h"

#include <openssl/pem.h>

using namespace weir;
using tests::TestAuthority;
using tls::ClientContext;
using tls::ClientSessions;
using tls::Verification;

namespace {

std::string take(BIO* from) {
    std::string bytes(static_cast<std::size_t>(BIO_pending(from)), '\0');
    BIO_read(from, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
}

void move_bytes(SSL* from, SSL* to) {
    const auto bytes = take(SSL_get_wbio(from));
    if (!bytes.empty()) BIO_write(SSL_get_rbio(to), bytes.data(), static_cast<int>(bytes.size()));
}

// A server with one certificate.
class Server {
public:
    explicit Server(std::vector<std::string> names = {"app.example"}, std::vector<std::string> protocols = {}) {
        const auto pair = authority.issue({std::move(names)});
        tls::ServerOptions options;
        options.certificates = {
            tls::Certificate::load(pair.cert, pair.key, std::chrono::system_clock::now()).certificate};
        options.tickets = tickets_;
        options.alpn = std::move(protocols);
        context_ = *tls::ServerContext::make(std::move(options));
        ca = authority.write(pem_of(authority.root()));
    }

    // Runs a handshake and delivers the tickets. Returns true if it succeeds.
    bool meet(SSL* client) const {
        const auto server = context_->new_session();
        for (auto* end : {client, server.get()}) SSL_set_bio(end, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        for (int i = 0; i < 4; ++i) {
            SSL_do_handshake(client);
            move_bytes(client, server.get());
            SSL_do_handshake(server.get());
            move_bytes(server.get(), client);
        }
        char byte;
        SSL_read(client, &byte, 1); // takes the tickets
        return SSL_is_init_finished(client) && SSL_is_init_finished(server.get());
    }

    std::shared_ptr<const ClientContext> client(std::string name = {}, Verification verify = Verification::required) {
        return *ClientContext::make({.verification = verify,
                                     .roots = *tls::TrustedRoots::load(ca),
                                     .certificate = nullptr,
                                     .server_name = std::move(name)});
    }

    TestAuthority authority;
    std::string ca;

private:
    static std::string pem_of(X509* certificate) {
        const tls::BioPtr out(BIO_new(BIO_s_mem()));
        PEM_write_bio_X509(out.get(), certificate);
        return take(out.get());
    }

    std::shared_ptr<tls::TicketKeys> tickets_ = std::make_shared<tls::TicketKeys>();
    std::shared_ptr<const tls::ServerContext> context_;
};

// Connects with the sessions kept so far. Returns true if the handshake resumed one of them.
bool resumes(const Server& server, ClientSessions& sessions, const std::shared_ptr<const ClientContext>& context,
             int version = TLS1_3_VERSION) {
    auto client = context->new_session("app.example", "");
    SSL_set_max_proto_version(client.get(), version);
    sessions.attach(client.get(), context, "app.example");
    REQUIRE(server.meet(client.get()));
    SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN);
    return SSL_session_reused(client.get()) == 1;
}

long verdict(Server& server, const std::string& host, const std::string& name = {},
             Verification verify = Verification::required) {
    const auto context = server.client(name, verify);
    const auto client = context->new_session(host, "");
    const bool met = server.meet(client.get());
    return met ? X509_V_OK : SSL_get_verify_result(client.get());
}

} // namespace

TEST_CASE("a server must prove the name that it is expected to have") {
    Server server({"app.example", "*.w.example"});
    CHECK(verdict(server, "app.example") == X509_V_OK);
    CHECK(verdict(server, "x.w.example") == X509_V_OK);
    CHECK(verdict(server, "10.0.0.1", "app.example") == X509_V_OK);
    CHECK(verdict(server, "w.example") == X509_V_ERR_HOSTNAME_MISMATCH);
    CHECK(verdict(server, "x.y.w.example") == X509_V_ERR_HOSTNAME_MISMATCH);
    CHECK(verdict(server, "app.example", "other.example") == X509_V_ERR_HOSTNAME_MISMATCH);
    CHECK(verdict(server, "10.0.0.1") == X509_V_ERR_IP_ADDRESS_MISMATCH);
    CHECK(verdict(server, "other.example", "", Verification::none) == X509_V_OK);
    CHECK(verdict(server, "10.0.0.1", "", Verification::none) == X509_V_OK);
}

TEST_CASE("a server selects one of the protocols that are offered") {
    const auto selected = [](const std::string& offered, std::vector<std::string> known) -> std::string {
        Server server({"app.example"}, std::move(known));
        const auto client = server.client()->new_session("app.example", offered);
        if (!server.meet(client.get())) return "refused";
        const unsigned char* name = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(client.get(), &name, &size);
        return {reinterpret_cast<const char*>(name), size};
    };
    CHECK(selected("h2,http/1.1", {"h2", "http/1.1"}) == "h2");
    CHECK(selected("h2,http/1.1", {"http/1.1"}) == "http/1.1");
    CHECK(selected("http/1.1", {"h2", "http/1.1"}) == "http/1.1");
    CHECK(selected("", {"h2"}).empty());
    CHECK(selected("h2", {}).empty());
}

TEST_CASE("each new connection resumes a session of an earlier one") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        Server server;
        const auto context = server.client();
        ClientSessions sessions;
        CHECK_FALSE(resumes(server, sessions, context, version));
        for (int i = 0; i < 10; ++i) CHECK(resumes(server, sessions, context, version));
    }
}

TEST_CASE("a session is not resumed under other settings") {
    Server server;
    const auto verified = server.client(), unverified = server.client({}, Verification::none);
    ClientSessions sessions;
    CHECK_FALSE(resumes(server, sessions, unverified));
    CHECK_FALSE(resumes(server, sessions, verified));
    CHECK(resumes(server, sessions, verified));
}

TEST_CASE("a session that is offered after the settings have changed is not kept") {
    Server server;
    const auto unverified = server.client({}, Verification::none), verified = server.client();
    ClientSessions sessions;
    const auto slow = unverified->new_session("app.example", "");
    sessions.attach(slow.get(), unverified, "app.example"); // its handshake ends later
    const auto newer = verified->new_session("app.example", "");
    sessions.attach(newer.get(), verified, "app.example");
    REQUIRE(server.meet(slow.get()));
    CHECK_FALSE(resumes(server, sessions, verified));
    const auto renamed = verified->new_session("other.example", "");
    sessions.attach(renamed.get(), verified, "other.example");
    CHECK_FALSE(resumes(server, sessions, verified)); // the sessions of app.example are gone
}

TEST_CASE("contexts with the same settings and files have the same ID") {
    Server server, other;
    CHECK(server.client()->id() == server.client()->id());
    CHECK(server.client()->id() != other.client()->id());
    CHECK(server.client()->id() != server.client("app.example")->id());
    CHECK(server.client()->id() != server.client({}, Verification::none)->id());
}

TEST_CASE("a file of authorities must hold at least one, and no damaged one") {
    TestAuthority authority;
    CHECK_FALSE(tls::TrustedRoots::load("/none"));
    CHECK_FALSE(tls::TrustedRoots::load(authority.write("")));
    CHECK_FALSE(tls::TrustedRoots::load(authority.write("text")));
    CHECK_FALSE(
        tls::TrustedRoots::load(authority.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")));
}
