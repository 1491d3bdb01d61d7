#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "containerizer/beneath.h"
#include "containerizer/descriptor.h"
#include "containerizer/images/digest.h"
#include "containerizer/images/json.h"
#include "containerizer/images/source.h"
#include "containerizer/images/unpacking.h"

namespace tepui::containerizer::images {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

constexpr std::size_t k_block_bytes = 1 << 18;
constexpr std::size_t k_document_bytes_max = std::size_t{8} << 20;
constexpr std::uint64_t k_files_max = 10'000;  // Beside layers there is little in an archive.

/// Gives all of a file to `sink`.
Result<std::uint64_t> read_through(int fd, const BlobSink& sink,
                                   const std::atomic<bool>& cancelled) {
    std::string buffer(k_block_bytes, 0);
    std::uint64_t total = 0;
    for (;;) {
        if (cancelled.load()) return fail(Errc::cancelled, "the pull was cancelled");
        const ssize_t count = ::read(fd, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(Errc::io, "cannot read the archive: {}", errno_text());
        if (count == 0) return total;
        total += static_cast<std::uint64_t>(count);
        TEPUI_CHECK_OK(sink({buffer.data(), static_cast<std::size_t>(count)}));
    }
}

class ArchiveSource final : public ImageSource {
public:
    ArchiveSource(const ImageName& name, const std::string& directory, const std::string& scratch,
                  const Platform& platform, const ImageOptions& options)
        : name_(name),
          directory_(directory),
          scratch_(scratch),
          platform_(platform),
          options_(options) {}

    Result<ResolvedImage> resolve(const std::atomic<bool>& cancelled) override {
        const std::string path = TEPUI_TRY(find_archive());
        Result<void> unpacked = unpack(path, cancelled);
        if (!unpacked) return fail_with("the archive '" + path + "'", unpacked.error());
        root_ = Descriptor(::open(scratch_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        Result<ResolvedImage> image = ::faccessat(root_.get(), "manifest.json", F_OK, 0) == 0
                                          ? read_saved(cancelled)
                                          : read_layout(cancelled);
        if (!image) return fail_with("the archive '" + path + "'", image.error());
        if (!name_.digest.empty() && image->digest != name_.digest)
            return fail(Errc::not_found, "the archive '{}' has the digest {} and not {}", path,
                        image->digest, name_.digest);
        return image;
    }

    Result<void> layer(const BlobRef& ref, const BlobSink& sink,
                       const std::atomic<bool>& cancelled) override {
        const auto found = files_.find(ref.digest);
        const Descriptor file =
            TEPUI_TRY(open_file(found == files_.end() ? blob_path(ref.digest) : found->second));
        TEPUI_TRY(read_through(file.get(), sink, cancelled));
        return {};
    }

private:
    Result<std::string> find_archive() const {
        const std::string base = directory_ + "/" + name_.repository;
        for (const std::string& path : {base + ":" + name_.tag + ".tar", base + ".tar"})
            if (::access(path.c_str(), R_OK) == 0) return path;
        return fail(Errc::not_found, "there is neither '{}:{}.tar' nor '{}.tar' in '{}'",
                    name_.repository, name_.tag, name_.repository, directory_);
    }

    Result<void> unpack(const std::string& path, const std::atomic<bool>& cancelled) const {
        const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file) return fail(Errc::io, "cannot be opened: {}", errno_text());
        Unpacking unpacking =
            TEPUI_TRY(Unpacking::start(options_.unpack_program, scratch_,
                                       {options_.bytes_max, k_files_max, options_.stall_timeout}));
        const BlobSink sink = [&](std::string_view bytes) { return unpacking.write(bytes); };
        TEPUI_TRY(read_through(file.get(), sink, cancelled));
        TEPUI_TRY(unpacking.finish());
        return {};
    }

    static std::string blob_path(const std::string& digest) {
        return "blobs/sha256/" + digest.substr(std::string_view("sha256:").size());
    }

    /// Old archives share layers by links. This process would follow one out of the directory.
    Result<Descriptor> open_file(const std::string& path) const {
        std::string at = path;
        for (int hop = 0; hop < 4; ++hop) {
            struct stat found{};
            if (::fstatat(root_.get(), at.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0 ||
                !S_ISLNK(found.st_mode))
                break;
            char target[512];
            const ssize_t size = ::readlinkat(root_.get(), at.c_str(), target, sizeof target);
            if (size <= 0) break;
            std::string_view link(target, static_cast<std::size_t>(size));
            std::string above = at.substr(0, at.rfind('/') + 1);
            while (link.starts_with("../")) {
                link.remove_prefix(3);
                if (!above.empty()) above.pop_back();
                above = above.substr(0, above.rfind('/') + 1);
            }
            at = above + std::string(link);
        }
        TEPUI_TRY(clean_path(at));
        return open_beneath(root_.get(), at, O_RDONLY);
    }

    Result<std::string> read_document(const std::string& path,
                                      const std::atomic<bool>& cancelled) const {
        const Descriptor file = TEPUI_TRY(open_file(path));
        std::string text;
        const BlobSink sink = [&text](std::string_view bytes) -> Result<void> {
            text += bytes;
            if (text.size() <= k_document_bytes_max) return {};
            return fail(Errc::too_large, "a document in it is too long");
        };
        TEPUI_TRY(read_through(file.get(), sink, cancelled));
        return text;
    }

    Result<std::string> read_verified(const BlobRef& ref,
                                      const std::atomic<bool>& cancelled) const {
        std::string text = TEPUI_TRY(read_document(blob_path(ref.digest), cancelled));
        if (digest_of(text) == ref.digest) return text;
        return fail(Errc::corrupt, "its '{}' is not what its name says", blob_path(ref.digest));
    }

    /// What `docker save` writes: the image is known by its configuration.
    Result<ResolvedImage> read_saved(const std::atomic<bool>& cancelled) {
        const std::string text = TEPUI_TRY(read_document("manifest.json", cancelled));
        const Json parsed = TEPUI_TRY(Json::parse(text));
        array images;
        if (parsed.root().get(images) != simdjson::SUCCESS || images.size() == 0)
            return fail(Errc::corrupt, "its manifest.json lists no image");
        element chosen = images.at(0);
        const std::string wanted = name_.repository + ":" + name_.tag;
        for (const element each : images) {
            const std::vector<std::string> tags = texts_at(each, "RepoTags");
            if (std::ranges::find(tags, wanted) != tags.end()) chosen = each;
        }
        std::string config = TEPUI_TRY(read_document(text_at(chosen, "Config"), cancelled));
        Manifest manifest;
        for (const std::string& path : texts_at(chosen, "Layers")) {
            const Descriptor file = TEPUI_TRY(open_file(path));
            Sha256 hash;
            const BlobSink sink = [&hash](std::string_view bytes) -> Result<void> {
                hash.add(bytes);
                return {};
            };
            const std::uint64_t size = TEPUI_TRY(read_through(file.get(), sink, cancelled));
            manifest.layers.push_back({hash.digest(), size});
            files_[manifest.layers.back().digest] = path;
        }
        const std::string digest = digest_of(config);
        return combine(digest, manifest, std::move(config), platform_);
    }

    Result<ResolvedImage> read_layout(const std::atomic<bool>& cancelled) {
        std::string text = TEPUI_TRY(read_document("index.json", cancelled));
        std::string digest;
        for (int hop = 0; hop < 4; ++hop) {
            const Choice choice = TEPUI_TRY(read_manifest(text, "", platform_));
            if (choice.manifest) {
                std::string config = TEPUI_TRY(read_verified(choice.manifest->config, cancelled));
                return combine(digest, *choice.manifest, std::move(config), platform_);
            }
            digest = choice.chosen.digest;
            text = TEPUI_TRY(read_verified(choice.chosen, cancelled));
        }
        return fail(Errc::corrupt, "its index only leads to other indexes");
    }

    const ImageName name_;
    const std::string directory_;
    const std::string scratch_;
    const Platform platform_;
    const ImageOptions& options_;
    Descriptor root_;
    std::map<std::string, std::string> files_;  // Layers by digest; written by resolve() alone.
};

}  // namespace

std::unique_ptr<ImageSource> make_archive_source(const ImageName& name,
                                                 const std::string& directory,
                                                 const std::string& scratch,
                                                 const Platform& platform,
                                                 const ImageOptions& options) {
    return std::make_unique<ArchiveSource>(name, directory, scratch, platform, options);
}

}  // namespace tepui::containerizer::images
