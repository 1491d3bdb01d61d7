#include "containerizer/secrets/sealed.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <memory>

namespace tepui::containerizer {
namespace {

constexpr std::string_view k_magic{"TEPUISEC\x01", 9};
constexpr std::size_t k_key_bytes = 32;
constexpr std::size_t k_nonce_bytes = 12;
constexpr std::size_t k_tag_bytes = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/// What both directions begin with: cipher, key, nonce, name.
bool begin(EVP_CIPHER_CTX* cipher, bool encrypt, std::string_view key, std::string_view nonce,
           std::string_view name) {
    int ignored = 0;
    return EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), nullptr, bytes_of(key), bytes_of(nonce),
                             encrypt ? 1 : 0) == 1 &&
           EVP_CipherUpdate(cipher, nullptr, &ignored, bytes_of(name),
                            static_cast<int>(name.size())) == 1;
}

}  // namespace

Result<std::string> parse_secret_key(std::string_view bytes) {
    if (bytes.size() == k_key_bytes) return std::string(bytes);
    while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r' || bytes.back() == ' '))
        bytes.remove_suffix(1);
    std::string key;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        const int high = hex_digit(bytes[i]);
        const int low = hex_digit(bytes[i + 1]);
        if (high < 0 || low < 0) break;
        key.push_back(static_cast<char>(high * 16 + low));
    }
    if (bytes.size() != 2 * k_key_bytes || key.size() != k_key_bytes)
        return fail(Errc::invalid_argument,
                    "a key is 32 bytes, or 64 hexadecimal digits (`openssl rand -hex 32`)");
    return key;
}

bool is_sealed(std::string_view bytes) { return bytes.starts_with(k_magic); }

Result<std::string> seal_secret(std::string_view key, std::string_view name,
                                std::string_view secret) {
    std::array<unsigned char, k_nonce_bytes> nonce{};
    const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    if (!cipher || RAND_bytes(nonce.data(), nonce.size()) != 1)
        return fail(Errc::io, "there are no random bytes to seal '{}' with", name);
    const std::string_view nonce_text(reinterpret_cast<const char*>(nonce.data()), nonce.size());
    std::string hidden(secret.size(), '\0');
    std::string tag(k_tag_bytes, '\0');
    int wrote = 0;
    int rest = 0;
    unsigned char none = 0;
    if (key.size() != k_key_bytes || !begin(cipher.get(), true, key, nonce_text, name) ||
        EVP_CipherUpdate(cipher.get(), hidden.empty() ? &none : bytes_of(hidden), &wrote,
                         bytes_of(secret), static_cast<int>(secret.size())) != 1 ||
        EVP_CipherFinal_ex(cipher.get(), &none, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, k_tag_bytes, tag.data()) != 1)
        return fail(Errc::io, "'{}' cannot be sealed", name);
    return fmt::format("{}{}{}{}", k_magic, nonce_text, hidden, tag);
}

Result<std::string> unseal_secret(std::string_view key, std::string_view name,
                                  std::string_view sealed) {
    const auto corrupt = [&] {
        return fail(Errc::corrupt, "'{}' was not sealed with this key under this name", name);
    };
    if (!is_sealed(sealed) || key.size() != k_key_bytes) return corrupt();
    sealed.remove_prefix(k_magic.size());
    if (sealed.size() < k_nonce_bytes + k_tag_bytes) return corrupt();
    const std::string_view nonce = sealed.substr(0, k_nonce_bytes);
    std::string tag(sealed.substr(sealed.size() - k_tag_bytes));
    const std::string_view hidden =
        sealed.substr(k_nonce_bytes, sealed.size() - k_nonce_bytes - k_tag_bytes);
    const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    std::string secret(hidden.size(), '\0');
    int wrote = 0;
    int rest = 0;
    unsigned char none = 0;
    if (!cipher || !begin(cipher.get(), false, key, nonce, name) ||
        EVP_CipherUpdate(cipher.get(), secret.empty() ? &none : bytes_of(secret), &wrote,
                         bytes_of(hidden), static_cast<int>(hidden.size())) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, k_tag_bytes, tag.data()) != 1 ||
        EVP_CipherFinal_ex(cipher.get(), &none, &rest) != 1)
        return corrupt();
    return secret;
}

}  // namespace tepui::containerizer
