#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "containerizer/images/docker_config.h"
#include "containerizer/images/http_session.h"
#include "containerizer/images/image_name.h"
#include "containerizer/images/manifest.h"
#include "containerizer/images/options.h"

namespace tepui::containerizer::images {

/// Takes a blob's bytes in their order, each once.
using BlobSink = std::function<Result<void>(std::string_view)>;

/// A document of a registry, its digest verified where one was asked for.
struct Document {
    std::string json;
    std::string media_type;
    std::string digest;  // Of `json`.
};

/// Whether `registry` ("host[:port]") may be spoken to in plain HTTP: it is this machine, or named
/// in ImageOptions::insecure_registries.
bool may_be_plain(const std::string& registry, const ImageOptions& options);

/// One repository of one registry (distribution API v2), for as long as a pull takes. Safe from any
/// thread; each brings a session of its own. Answers a registry's challenge (Bearer by its token
/// service, Basic), follows redirects without telling other hosts who asks, and tries again what
/// may work later.
class RegistryClient {
public:
    /// `scheme`: "http" or "https" when it is known; else https, and http where that is allowed
    /// and the registry does not speak TLS.
    RegistryClient(const ImageName& name, std::string scheme, RegistryLogin login,
                   const ImageOptions& options);

    /// A manifest by tag or digest. Fails with corrupt when it is not what the digest says.
    Result<Document> manifest(HttpSession& session, const std::string& reference,
                              const std::atomic<bool>& cancelled);
    /// A blob that is kept in memory: a configuration. Verified.
    Result<std::string> small_blob(HttpSession& session, const BlobRef& ref,
                                   const std::atomic<bool>& cancelled);
    /// A blob. Goes on where it broke off. Never gives more than ref.size bytes; fails with corrupt
    /// when they are fewer. The caller verifies the digest.
    Result<void> blob(HttpSession& session, const BlobRef& ref, const BlobSink& sink,
                      const std::atomic<bool>& cancelled);

private:
    std::string base() const;
    Result<HttpHead> send(HttpSession& session, const std::string& path,
                          const std::vector<std::string>& headers, std::string& body,
                          std::size_t bytes_max, const std::atomic<bool>& cancelled);
    Result<HttpHead> send_once(HttpSession& session, const std::string& path,
                               const std::vector<std::string>& headers, const HttpSink& sink,
                               const std::atomic<bool>& cancelled);
    Result<HttpHead> send_authorized(HttpSession& session, const std::string& path,
                                     const std::vector<std::string>& headers, const HttpSink& sink,
                                     const std::atomic<bool>& cancelled);
    Result<void> answer_challenge(HttpSession& session, const HttpHead& head,
                                  const std::string& refused, const std::atomic<bool>& cancelled);
    Result<std::string> fetch_token(HttpSession& session,
                                    const std::map<std::string, std::string>& parameters,
                                    const std::atomic<bool>& cancelled);
    std::string authorization() const;

    const std::string host_;
    const std::string repository_;
    const RegistryLogin login_;
    const ImageOptions& options_;
    mutable std::mutex mutex_;   // Of what follows.
    std::string scheme_;         // Empty: not known yet.
    std::string authorization_;  // The header's value; empty: none yet.
};

/// Waits; false when it was cancelled.
bool wait_unless_cancelled(Duration pause, const std::atomic<bool>& cancelled);

}  // namespace tepui::containerizer::images
