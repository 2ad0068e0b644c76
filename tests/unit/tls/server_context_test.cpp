#include "tests/catch.h"
#include "tests/unit/support/test_certificates.h"
#include "tests/unit/support/tls_client.h"
#include "tls/server_context.h"

#include <algorithm>

using namespace weir;
using tests::TestAuthority;
using tests::TestKey;
using tests::TlsClient;
using tls::ServerContext;

namespace {

std::shared_ptr<const tls::Certificate> load_pair(const tests::TestPair& pair) {
    return tls::Certificate::load(pair.cert, pair.key, std::chrono::system_clock::now()).certificate;
}

class Site {
public:
    explicit Site(std::vector<tests::TestCertificate> wanted, tls::ServerOptions options = {}) {
        for (const auto& one : wanted) options.certificates.push_back(load_pair(authority_.issue(one)));
        options.tickets = tickets;
        context = *ServerContext::make(std::move(options));
    }

    // Runs a handshake, and delivers everything that the server sends, including tickets. Returns true if it succeeds.
    bool meet(TlsClient& client) const {
        const auto server = context->new_session();
        SSL_set_bio(server.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        std::string to_client;
        for (int i = 0; i < 6; ++i) {
            const auto bytes = client.shake_hands(to_client);
            BIO_write(SSL_get_rbio(server.get()), bytes.data(), static_cast<int>(bytes.size()));
            SSL_do_handshake(server.get());
            to_client.resize(static_cast<std::size_t>(BIO_pending(SSL_get_wbio(server.get()))));
            BIO_read(SSL_get_wbio(server.get()), to_client.data(), static_cast<int>(to_client.size()));
        }
        client.decrypt(to_client);
        return client.is_done() && SSL_is_init_finished(server.get());
    }

    // Returns the first name of the certificate that a client gets if it requests `name`.
    std::string chosen(const char* name) const {
        TlsClient client(name);
        if (!meet(client)) return "none";
        const tls::X509Ptr leaf(SSL_get1_peer_certificate(client.session()));
        for (const auto& certificate : context->certificates())
            if (X509_cmp(certificate->leaf(), leaf.get()) == 0) return certificate->facts().names.front();
        return "unknown";
    }

    // Returns true if a new connection resumes the session of `before`.
    bool resumes(TlsClient& before) const {
        TlsClient again("a.example", SSL_version(before.session()));
        return come_again(before, again);
    }
    bool come_again(TlsClient& before, TlsClient& again) const {
        const std::unique_ptr<SSL_SESSION, tls::Free<SSL_SESSION_free>> session(
            SSL_SESSION_dup(SSL_get0_session(before.session()))); // a TLS 1.3 client uses a session only once
        SSL_set_session(again.session(), session.get());
        return meet(again) && SSL_session_reused(again.session());
    }

    std::shared_ptr<tls::TicketKeys> tickets = std::make_shared<tls::TicketKeys>();
    std::shared_ptr<const ServerContext> context;

private:
    TestAuthority authority_;
};

// Returns the name of the key that encrypts a client's ticket: its first 16 bytes.
std::string ticket_key(const TlsClient& client) {
    const unsigned char* ticket = nullptr;
    std::size_t size = 0;
    SSL_SESSION_get0_ticket(SSL_get0_session(client.session()), &ticket, &size);
    return {reinterpret_cast<const char*>(ticket), std::min<std::size_t>(size, 16)};
}

} // namespace

TEST_CASE("the certificate is selected by the requested name") {
    const Site site({{{"a.example"}}, {{"b.example"}}, {{"*.b.example"}}});
    CHECK(site.chosen("b.example") == "b.example");
    CHECK(site.chosen("B.Example") == "b.example");
    CHECK(site.chosen("x.b.example") == "*.b.example");
    for (const char* name : {"x.y.b.example", "other", "example", ".b.example", static_cast<const char*>(nullptr)})
        CHECK(site.chosen(name) == "a.example");
}

TEST_CASE("a client gets the key type that it supports") {
    const Site site({{{"a.example", "z.example"}},
                     {{"a.example"}, TestKey::rsa},
                     {{"*.w.example"}, TestKey::rsa},
                     {{"x.w.example"}}});
    for (const auto& [name, ciphers, type] : {std::tuple{"a.example", "ECDHE-ECDSA-AES128-GCM-SHA256", EVP_PKEY_EC},
                                              std::tuple{"a.example", "ECDHE-RSA-AES128-GCM-SHA256", EVP_PKEY_RSA},
                                              std::tuple{"x.w.example", "ECDHE-ECDSA-AES128-GCM-SHA256", EVP_PKEY_EC},
                                              std::tuple{"x.w.example", "ECDHE-RSA-AES128-GCM-SHA256", EVP_PKEY_RSA}}) {
        INFO(name << " " << ciphers);
        TlsClient client(name, TLS1_2_VERSION);
        SSL_set_cipher_list(client.session(), ciphers);
        REQUIRE(site.meet(client));
        const tls::X509Ptr leaf(SSL_get1_peer_certificate(client.session()));
        CHECK(EVP_PKEY_get_base_id(X509_get0_pubkey(leaf.get())) == type);
    }
}

TEST_CASE("a client that verifies only RSA signatures gets the RSA certificate") {
    const Site site({{{"a.example"}}, {{"a.example"}, TestKey::rsa}});
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient client("a.example", version);
        SSL_ctrl(client.session(), SSL_CTRL_SET_SIGALGS_LIST, 0, const_cast<char*>("RSA-PSS+SHA256:RSA+SHA256"));
        REQUIRE(site.meet(client));
        const tls::X509Ptr leaf(SSL_get1_peer_certificate(client.session()));
        CHECK(EVP_PKEY_get_base_id(X509_get0_pubkey(leaf.get())) == EVP_PKEY_RSA);
    }
}

TEST_CASE("key exchange uses elliptic curves only, X25519 first") {
    const Site site({{{"a.example"}}});
    const auto meets = [&](const char* groups) {
        TlsClient client("a.example");
        SSL_ctrl(client.session(), SSL_CTRL_SET_GROUPS_LIST, 0, const_cast<char*>(groups));
        return site.meet(client);
    };
    for (const char* groups : {"X25519", "P-256", "P-521:P-384"}) CHECK(meets(groups));
    for (const char* groups : {"ffdhe2048", "P-521", "X448"}) CHECK_FALSE(meets(groups));
    TlsClient client("a.example");
    SSL_ctrl(client.session(), SSL_CTRL_SET_GROUPS_LIST, 0, const_cast<char*>("P-521:P-256:X25519"));
    REQUIRE(site.meet(client));
    CHECK(SSL_ctrl(client.session(), SSL_CTRL_GET_NEGOTIATED_GROUP, 0, nullptr) == NID_X25519);
}

TEST_CASE("versions below the minimum are refused") {
    const Site usual({{{"a.example"}}});
    const Site modern({{{"a.example"}}}, {.min_version = tls::MinVersion::tls1_3});
    TlsClient tls1_1(nullptr, TLS1_1_VERSION), tls1_2(nullptr, TLS1_2_VERSION), again(nullptr, TLS1_2_VERSION), tls1_3;
    CHECK_FALSE(usual.meet(tls1_1));
    CHECK(usual.meet(tls1_2));
    CHECK_FALSE(modern.meet(again));
    CHECK(modern.meet(tls1_3));
}

TEST_CASE("the server's cipher preference wins") {
    const Site site({{{"a.example"}}});
    TlsClient old("a.example", TLS1_2_VERSION), recent("a.example");
    SSL_set_cipher_list(old.session(), "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:"
                                       "ECDHE-ECDSA-AES128-GCM-SHA256");
    SSL_set_ciphersuites(recent.session(), "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256");
    REQUIRE(site.meet(old));
    REQUIRE(site.meet(recent));
    CHECK(std::string(SSL_get_cipher_name(old.session())) == "ECDHE-ECDSA-AES128-GCM-SHA256");
    CHECK(std::string(SSL_get_cipher_name(recent.session())) == "TLS_AES_128_GCM_SHA256");
}

TEST_CASE("CBC ciphers and static RSA key exchange are refused") {
    const Site site({{{"a.example"}, TestKey::rsa}});
    for (const char* cipher : {"ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256"}) {
        TlsClient client("a.example", TLS1_2_VERSION);
        REQUIRE(SSL_set_cipher_list(client.session(), cipher) == 1);
        CHECK_FALSE(site.meet(client));
    }
}

TEST_CASE("ALPN selects a common protocol; an offer without one is refused") {
    const Site site({{{"a.example"}}}, {.alpn = {"http/1.1"}});
    const auto offer = [](TlsClient& client, const std::string& protocols) {
        SSL_set_alpn_protos(client.session(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
    };
    static int alert;
    alert = 0;
    TlsClient both, neither, none;
    SSL_set_info_callback(neither.session(), [](const SSL*, int where, int value) {
        if (where == SSL_CB_READ_ALERT) alert = value & 0xff;
    });
    offer(both, "\x02h2\x08http/1.1");
    offer(neither, "\x02h2\x03hq!");
    REQUIRE(site.meet(both));
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(both.session(), &chosen, &size);
    CHECK(std::string(reinterpret_cast<const char*>(chosen), size) == "http/1.1");
    CHECK_FALSE(site.meet(neither));
    CHECK(alert == SSL_AD_NO_APPLICATION_PROTOCOL);
    REQUIRE(site.meet(none));
    SSL_get0_alpn_selected(none.session(), &chosen, &size);
    CHECK(size == 0);
}

TEST_CASE("a cipher list that OpenSSL does not accept is refused") {
    TestAuthority authority;
    const auto made = ServerContext::make({.certificates = {load_pair(authority.issue({{"a"}}))},
                                           .ciphers = "NONSENSE",
                                           .tickets = std::make_shared<tls::TicketKeys>()});
    REQUIRE_FALSE(made);
    CHECK(made.error().message() == "\"NONSENSE\" names no cipher (openssl ciphers -v shows the names)");
}

TEST_CASE("a session is resumed while its ticket's key is kept") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const Site site({{{"a.example"}}});
        TlsClient first("a.example", version);
        REQUIRE(site.meet(first));
        CHECK(site.resumes(first));
        site.tickets->rotate();
        site.tickets->rotate();
        CHECK(site.resumes(first));
        site.tickets->rotate();
        CHECK_FALSE(site.resumes(first)); // a full handshake, which succeeds
    }
}

TEST_CASE("each TLS 1.3 handshake issues one ticket, also when it resumes") {
    static int tickets;
    const Site site({{{"other"}}, {{"a.example"}}}); // the context for the name is not the default
    const auto count = [](TlsClient& client) {
        tickets = 0;
        SSL_CTX_set_session_cache_mode(client.context(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(client.context(), [](SSL*, SSL_SESSION*) { return ++tickets, 0; });
    };
    TlsClient first("a.example"), again("a.example");
    count(first);
    REQUIRE(site.meet(first));
    CHECK(tickets == 1);
    count(again);
    REQUIRE(site.come_again(first, again));
    CHECK(tickets == 1);
}

TEST_CASE("a ticket of a previous key is replaced by one of the current key") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const Site site({{{"a.example"}}});
        TlsClient first("a.example", version), same("a.example", version), renewed("a.example", version);
        REQUIRE(site.meet(first));
        REQUIRE(ticket_key(first).size() == 16);
        REQUIRE(site.come_again(first, same));
        CHECK(ticket_key(same) == ticket_key(first)); // the key is the same, whether or not the ticket is
        site.tickets->rotate();
        REQUIRE(site.come_again(first, renewed));
        CHECK(ticket_key(renewed) != ticket_key(first));
        site.tickets->rotate();
        site.tickets->rotate();
        CHECK_FALSE(site.resumes(first));
        CHECK(site.resumes(renewed));
    }
}

TEST_CASE("a session of one listener is not resumed by another") {
    const Site one({{{"a.example"}}}, {.id = "one"});
    Site other({{{"a.example"}}}, {.id = "other"});
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient client("a.example", version);
        REQUIRE(one.meet(client));
        CHECK_FALSE(other.resumes(client));
    }
    TestAuthority authority;
    const auto same_keys = ServerContext::make(
        {.certificates = {load_pair(authority.issue({{"a.example"}}))}, .id = "other", .tickets = one.tickets});
    other.context = *same_keys;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient client("a.example", version);
        REQUIRE(one.meet(client));
        CHECK_FALSE(other.resumes(client));
    }
}
