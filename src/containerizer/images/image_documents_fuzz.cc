// What registries and operators send: names, manifests, configurations, challenges, logins.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "containerizer/images/challenge.h"
#include "containerizer/images/docker_config.h"
#include "containerizer/images/image_name.h"
#include "containerizer/images/manifest.h"
#include "containerizer/images/prune_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tepui::containerizer::images;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Platform platform = platform_of("x86_64");
    (void)read_manifest(bytes, "", platform);
    (void)read_config(bytes);
    (void)parse_challenges(bytes);
    (void)parse_docker_config(bytes);
    (void)parse_image_gc(bytes);
    (void)parse_registry(bytes);
    const auto name = parse_image_name(bytes, {});
    if (!name) return 0;
    // A canonical name means the same image.
    const auto again = parse_image_name(canonical(*name), {});
    TEPUI_ASSERT_WHY(again.has_value(), canonical(*name));
    TEPUI_ASSERT(canonical(*again) == canonical(*name));
    return 0;
}
