#include "tls/ticket_keys.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace weir::tls {
namespace {

constexpr std::size_t name_size = 16, iv_size = 16, kept_keys = 3;

int keys_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

template <std::size_t size> bool fill(std::array<unsigned char, size>& bytes) {
    return RAND_priv_bytes(bytes.data(), static_cast<int>(size)) == 1;
}

} // namespace

struct TicketKeys::Key {
    std::array<unsigned char, name_size> name{};
    std::array<unsigned char, 32> cipher{}, mac{};

    Key() {
        const bool made = fill(name) && fill(cipher) && fill(mac);
        if (!made) throw std::runtime_error("cannot generate session ticket keys: no random numbers");
    }
    Key(const Key&) = delete;
    Key& operator=(const Key&) = delete;
    ~Key() {
        OPENSSL_cleanse(cipher.data(), cipher.size());
        OPENSSL_cleanse(mac.data(), mac.size());
    }
};

struct TicketKeys::Ring {
    std::vector<std::shared_ptr<const Key>> keys; // the current one first
};

TicketKeys::TicketKeys() { rotate(); }

void TicketKeys::rotate() {
    auto next = std::make_shared<Ring>();
    next->keys.push_back(std::make_shared<const Key>());
    if (const auto before = ring_.load()) next->keys.insert(next->keys.end(), before->keys.begin(), before->keys.end());
    next->keys.resize(std::min(next->keys.size(), kept_keys));
    ring_.store(std::move(next));
}

void TicketKeys::install(SSL_CTX* context) {
    SSL_CTX_set_ex_data(context, keys_index(), this);
    SSL_CTX_set_timeout(context, std::chrono::seconds(ticket_lifetime).count());
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, handle);
}

// Prepares the encryption or decryption of one ticket. Returns 1, or 2 for a ticket that is to be replaced, or 0 if
// its key is unknown, or -1 on an error.
int TicketKeys::handle(SSL* session, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                       int encrypts) {
    const auto* const own = static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), keys_index()));
    const auto ring = own->ring_.load();
    const auto& keys = ring->keys;
    const auto key = encrypts ? keys.begin() : std::find_if(keys.begin(), keys.end(), [&](const auto& known) {
        return std::memcmp(known->name.data(), name, name_size) == 0;
    });
    if (key == keys.end()) return 0;
    if (encrypts) {
        std::memcpy(name, (*key)->name.data(), name_size);
        if (RAND_bytes(iv, iv_size) != 1) return -1;
    }
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>((*key)->mac.data()),
                                          (*key)->mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    const bool ready =
        EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, (*key)->cipher.data(), iv, encrypts) == 1 &&
        EVP_MAC_CTX_set_params(mac, parameters) == 1;
    if (!ready) return -1;
    if (encrypts) return 1;
    // TLS 1.3 clients use a ticket only once (RFC 8446 appendix C.4): without a new one, every second connection
    // would need a full handshake.
    return SSL_version(session) >= TLS1_3_VERSION || key != keys.begin() ? 2 : 1;
}

} // namespace weir::tls
