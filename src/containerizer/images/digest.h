#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace tepui::containerizer::images {

/// SHA-256 of bytes that come piece by piece.
class Sha256 {
public:
    Sha256();
    void add(std::string_view bytes);
    /// "sha256:" and the digits. Nothing is added after it.
    std::string digest();

private:
    std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

/// The digest of `bytes`.
std::string digest_of(std::string_view bytes);

}  // namespace tepui::containerizer::images
