#include "containerizer/images/manifest.h"

#include <algorithm>

#include "containerizer/images/image_name.h"
#include "containerizer/images/json.h"

namespace tepui::containerizer::images {

const char* const k_manifest_types =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

namespace {

using simdjson::dom::array;
using simdjson::dom::element;

constexpr std::size_t k_layers_max = 1'000;
constexpr std::size_t k_platforms_named_max = 12;

std::string to_text(const Platform& platform) {
    std::string text = platform.os + "/" + platform.architecture;
    if (!platform.variant.empty()) text += "/" + platform.variant;
    return text;
}

Result<BlobRef> read_ref(element object, std::string_view what) {
    BlobRef ref{text_at(object, "digest"), number_at(object, "size")};
    if (!is_digest(ref.digest))
        return fail(Errc::corrupt, "its {} has no SHA-256 digest ('{}')", what, ref.digest);
    return ref;
}

Platform read_platform(element object) {
    return {text_at(object, "os"), text_at(object, "architecture"), text_at(object, "variant")};
}

/// The number of "v7", or 0.
int variant_number(const std::string& variant) {
    if (variant.size() != 2 || variant[0] != 'v' || variant[1] < '1' || variant[1] > '9') return 0;
    return variant[1] - '0';
}

/// Higher is better; nothing when it does not run there.
std::optional<int> rank(const Platform& image, const Platform& machine) {
    if (image.os != machine.os || image.architecture != machine.architecture) return std::nullopt;
    if (image.variant == machine.variant) return 100;
    if (image.variant.empty()) return 50;
    const int have = variant_number(machine.variant);
    const int wants = variant_number(image.variant);
    if (machine.variant.empty()) return wants == 1 ? std::optional(60) : std::nullopt;
    if (wants == 0 || wants > have) return std::nullopt;
    return wants;
}

Result<Choice> choose(element document, const Platform& platform) {
    array list;
    if (document["manifests"].get(list) != simdjson::SUCCESS)
        return fail(Errc::corrupt, "it is an index without manifests");
    Choice choice;
    std::optional<int> best;
    std::string others;
    std::size_t count = 0;
    for (const element each : list) {
        element described;
        // An index of one image may say no platform.
        const Platform offered = each["platform"].get(described) == simdjson::SUCCESS
                                     ? read_platform(described)
                                     : Platform{platform.os, platform.architecture, ""};
        if (++count <= k_platforms_named_max) others += (count > 1 ? ", " : "") + to_text(offered);
        const std::optional<int> ranked = rank(offered, platform);
        if (!ranked || (best && *best >= *ranked)) continue;
        choice.chosen = TEPUI_TRY(read_ref(each, "manifest"));
        best = ranked;
    }
    if (best) return choice;
    return fail(Errc::not_found, "it has nothing for {}, only {}", to_text(platform), others);
}

Result<Choice> read_image(element document) {
    element config;
    array list;
    if (document["config"].get(config) != simdjson::SUCCESS ||
        document["layers"].get(list) != simdjson::SUCCESS)
        return fail(Errc::corrupt, "it is a manifest without a configuration or layers");
    const std::string type = text_at(config, "mediaType");
    if (type != "application/vnd.oci.image.config.v1+json" &&
        type != "application/vnd.docker.container.image.v1+json")
        return fail(Errc::unsupported, "it is no container image but '{}'", type);
    Manifest manifest;
    manifest.config = TEPUI_TRY(read_ref(config, "configuration"));
    for (const element each : list) {
        const std::string kind = text_at(each, "mediaType");
        if (kind.find("tar") == std::string::npos || kind.find("encrypted") != std::string::npos)
            return fail(Errc::unsupported, "it has a layer of the type '{}'", kind);
        if (kind.find("foreign") != std::string::npos)
            return fail(Errc::unsupported, "it has a layer that its registry does not keep");
        manifest.layers.push_back(TEPUI_TRY(read_ref(each, "layer")));
        if (manifest.layers.size() > k_layers_max)
            return fail(Errc::too_large, "it has more than {} layers", k_layers_max);
    }
    return Choice{std::move(manifest), {}};
}

}  // namespace

Platform platform_of(std::string_view machine) {
    if (machine == "x86_64") return {"linux", "amd64", ""};
    if (machine == "aarch64") return {"linux", "arm64", "v8"};
    if (machine.starts_with("armv7")) return {"linux", "arm", "v7"};
    if (machine.starts_with("armv6")) return {"linux", "arm", "v6"};
    if (machine == "i686" || machine == "i386") return {"linux", "386", ""};
    if (machine == "loongarch64") return {"linux", "loong64", ""};
    return {"linux", std::string(machine), ""};  // ppc64le, s390x, riscv64.
}

Result<Choice> read_manifest(std::string_view json, std::string_view media_type,
                             const Platform& platform) {
    const Json parsed = TEPUI_TRY(Json::parse(json));
    const element document = parsed.root();
    if (!document.is_object()) return fail(Errc::corrupt, "it is no JSON object");
    std::string type = text_at(document, "mediaType");
    if (type.empty()) type = media_type;
    array list;
    const bool lists = document["manifests"].get(list) == simdjson::SUCCESS;
    const bool layered = document["layers"].get(list) == simdjson::SUCCESS;
    if (type.find("manifest.v1") != std::string::npos ? !layered && !lists
                                                      : number_at(document, "schemaVersion") == 1)
        return fail(Errc::unsupported,
                    "its manifest is of schema 1, which nothing verifies; push the image again "
                    "with a current client");
    if (lists && layered)  // Two readers would see two images.
        return fail(Errc::corrupt, "it is both an index and a manifest");
    return lists ? choose(document, platform) : read_image(document);
}

Result<ConfigFile> read_config(std::string_view json) {
    const Json parsed = TEPUI_TRY(Json::parse(json));
    const element document = parsed.root();
    if (!document.is_object()) return fail(Errc::corrupt, "it is no JSON object");
    ConfigFile file;
    file.platform = read_platform(document);
    element rootfs;
    if (document["rootfs"].get(rootfs) == simdjson::SUCCESS)
        file.diff_ids = texts_at(rootfs, "diff_ids");
    element config;
    if (document["config"].get(config) != simdjson::SUCCESS) return file;
    ImageConfig& out = file.config;
    out.user = text_at(config, "User");
    out.working_dir = text_at(config, "WorkingDir");
    out.env = texts_at(config, "Env");
    out.entrypoint = texts_at(config, "Entrypoint");
    out.cmd = texts_at(config, "Cmd");
    out.volumes = keys_at(config, "Volumes");
    out.exposed_ports = keys_at(config, "ExposedPorts");
    out.stop_signal = text_at(config, "StopSignal");
    element labels;
    if (config["Labels"].get(labels) == simdjson::SUCCESS)
        for (const std::string& name : keys_at(config, "Labels"))
            out.labels[name] = text_at(labels, name);
    return file;
}

Result<void> check_platform(const Platform& image, const Platform& machine) {
    if (image.architecture.empty()) return {};  // Made by hand.
    if (rank({image.os.empty() ? machine.os : image.os, image.architecture, image.variant},
             machine))
        return {};
    return fail(Errc::unsupported, "it is for {} and this machine is {}", to_text(image),
                to_text(machine));
}

}  // namespace tepui::containerizer::images
