#include "tls/ticket_keys.h"

#include "base/named_file.h"

#include <algorithm>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace weir::tls {
namespace {

constexpr std::size_t name_size = 16, iv_size = 16, kept_keys = 3;
constexpr std::size_t max_keys_in_file = 16, max_file_bytes = 64 * 1024;

int keys_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

} // namespace

// The bytes of a key are in the order of nginx's files: name, MAC key, cipher key.
struct TicketKeys::Key {
    static constexpr std::size_t mac_size = 32, cipher_size = 32, size = name_size + mac_size + cipher_size;

    std::array<unsigned char, size> bytes{};

    const unsigned char* name() const { return bytes.data(); }
    const unsigned char* mac() const { return bytes.data() + name_size; }
    const unsigned char* cipher() const { return mac() + mac_size; }

    Key() = default;
    Key(const Key&) = delete;
    Key& operator=(const Key&) = delete;
    ~Key() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

    static std::shared_ptr<const Key> make_random() {
        auto key = std::make_shared<Key>();
        if (RAND_priv_bytes(key->bytes.data(), static_cast<int>(size)) != 1)
            throw std::runtime_error("cannot generate session ticket keys: no random numbers");
        return key;
    }
    // Returns null if the line is not the base64 of a key.
    static std::shared_ptr<const Key> decode(const std::string& line) {
        constexpr std::size_t encoded_size = (size + 2) / 3 * 4;
        static_assert(encoded_size == 108);
        std::array<unsigned char, encoded_size / 4 * 3> decoded{};
        if (line.size() != encoded_size || !line.ends_with('=') || line.ends_with("==")) return nullptr;
        const int length = EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(line.data()),
                                           static_cast<int>(line.size()));
        if (length != static_cast<int>(decoded.size())) return nullptr; // the padding counts as zeros
        auto key = std::make_shared<Key>();
        std::memcpy(key->bytes.data(), decoded.data(), size);
        OPENSSL_cleanse(decoded.data(), decoded.size());
        return key;
    }
    std::string encode() const {
        std::array<unsigned char, (size + 2) / 3 * 4 + 1> encoded{};
        const int length = EVP_EncodeBlock(encoded.data(), bytes.data(), static_cast<int>(size));
        return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
    }
};

struct TicketKeys::Ring {
    std::vector<std::shared_ptr<const Key>> keys; // the first one encrypts
};

TicketKeys::TicketKeys() { rotate(); }

void TicketKeys::rotate() {
    auto next = std::make_shared<Ring>();
    next->keys.push_back(Key::make_random());
    if (const auto before = ring_.load()) next->keys.insert(next->keys.end(), before->keys.begin(), before->keys.end());
    next->keys.resize(std::min(next->keys.size(), kept_keys));
    ring_.store(std::move(next));
}

std::vector<std::string> TicketKeys::encode() const {
    std::vector<std::string> lines;
    for (const auto& key : ring_.load()->keys) lines.push_back(key->encode());
    return lines;
}

bool TicketKeys::adopt(const std::vector<std::string>& lines) {
    auto next = std::make_shared<Ring>();
    for (const auto& line : lines) next->keys.push_back(Key::decode(line));
    if (lines.empty() || std::count(next->keys.begin(), next->keys.end(), nullptr) > 0) return false;
    ring_.store(std::move(next));
    return true;
}

Result<std::shared_ptr<TicketKeys>> TicketKeys::load(const std::string& path) {
    constexpr const char* needed = "session ticket keys, each a line with the base64 of 80 random bytes "
                                   "(openssl rand -base64 80 | tr -d '\\n')";
    const auto text = read_named_file(path, needed, max_file_bytes);
    if (!text) return text.error();
    auto ring = std::make_shared<Ring>();
    std::istringstream in(*text);
    for (std::string line; std::getline(in, line);) {
        if (line.ends_with('\r')) line.pop_back();
        if (line.empty()) continue;
        ring->keys.push_back(Key::decode(line));
        if (!ring->keys.back())
            return Error("session ticket key " + std::to_string(ring->keys.size()) + " in " + path +
                         " is malformed: write " + needed);
    }
    if (ring->keys.empty()) return Error(path + " contains no session ticket key: write " + needed);
    if (ring->keys.size() > max_keys_in_file)
        return Error(path + " holds more than 16 keys: remove the oldest, at its end");
    auto keys = std::make_shared<TicketKeys>();
    keys->ring_.store(std::move(ring));
    return keys;
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
        return std::memcmp(known->name(), name, name_size) == 0;
    });
    if (key == keys.end()) return 0;
    if (encrypts) {
        std::memcpy(name, (*key)->name(), name_size);
        if (RAND_bytes(iv, iv_size) != 1) return -1;
    }
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>((*key)->mac()), Key::mac_size),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    const bool ready = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, (*key)->cipher(), iv, encrypts) == 1 &&
                       EVP_MAC_CTX_set_params(mac, parameters) == 1;
    if (!ready) return -1;
    if (encrypts) return 1;
    // TLS 1.3 clients use a ticket only once (RFC 8446 appendix C.4): without a new one, every second connection
    // would need a full handshake.
    return SSL_version(session) >= TLS1_3_VERSION || key != keys.begin() ? 2 : 1;
}

} // namespace weir::tls
