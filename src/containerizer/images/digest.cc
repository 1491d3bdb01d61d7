#include "containerizer/images/digest.h"

#include <openssl/evp.h>

#include "base/assert.h"

namespace tepui::containerizer::images {

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    TEPUI_ASSERT(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::add(std::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string Sha256::digest() {
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), raw, &size);
    std::string text = "sha256:";
    for (unsigned i = 0; i < size; ++i) {
        text += "0123456789abcdef"[raw[i] >> 4];
        text += "0123456789abcdef"[raw[i] & 15];
    }
    return text;
}

std::string digest_of(std::string_view bytes) {
    Sha256 hash;
    hash.add(bytes);
    return hash.digest();
}

}  // namespace tepui::containerizer::images
