#include "containerizer/fetcher/checksum.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "containerizer/descriptor.h"

namespace tepui::containerizer::fetcher {
namespace {

constexpr std::size_t k_block_bytes = 1 << 18;

}  // namespace

Result<std::string> digest_file(int fd, const std::string& algorithm,
                                const std::atomic<bool>& cancelled) {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                     EVP_MD_CTX_free);
    const EVP_MD* kind = algorithm == "sha512" ? EVP_sha512() : EVP_sha256();
    if (!context || EVP_DigestInit_ex(context.get(), kind, nullptr) != 1)
        return fail(Errc::io, "{} cannot be computed here", algorithm);
    std::vector<char> buffer(k_block_bytes);
    for (off_t offset = 0;;) {
        if (cancelled.load()) return fail(Errc::cancelled, "the launch was cancelled");
        const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(Errc::io, "cannot read it for its digest: {}", errno_text());
        if (got == 0) break;
        EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(got));
        offset += got;
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context.get(), digest, &size);
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

Result<void> check_digest(int fd, const Checksum& checksum, const std::atomic<bool>& cancelled) {
    const std::string found = TEPUI_TRY(digest_file(fd, checksum.algorithm, cancelled));
    if (found == checksum.hex) return {};
    return fail(Errc::corrupt, "its {} is {}, and should be {}", checksum.algorithm, found,
                checksum.hex);
}

}  // namespace tepui::containerizer::fetcher
