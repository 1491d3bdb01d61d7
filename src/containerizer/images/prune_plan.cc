#include "containerizer/images/prune_plan.h"

#include "containerizer/images/json.h"

namespace tepui::containerizer::images {

PrunePlan plan_prune(const Inventory& inventory, const std::set<std::string>& excluded) {
    std::set<std::string> kept = inventory.pinned;
    for (const std::string& name : excluded)
        if (const auto found = inventory.names.find(name); found != inventory.names.end())
            kept.insert(found->second);
    PrunePlan plan;
    std::set<std::string> layers_kept = inventory.leased;
    for (const auto& [image, layers] : inventory.images) {
        if (kept.contains(image))
            layers_kept.insert(layers.begin(), layers.end());
        else
            plan.images.insert(image);
    }
    for (const auto& [name, image] : inventory.names)
        if (!kept.contains(image)) plan.names.insert(name);
    for (const std::string& layer : inventory.layers)
        if (!layers_kept.contains(layer)) plan.layers.insert(layer);
    return plan;
}

bool is_disk_short(std::uint64_t available, std::uint64_t total, double headroom) {
    return static_cast<double>(available) < static_cast<double>(total) * headroom;
}

Result<ImageGcOptions> parse_image_gc(std::string_view json) {
    const auto bad = [](std::string_view why) {
        return fail(Errc::invalid_argument,
                    "--image_gc_config: {}; it is JSON such as {{\"image_disk_headroom\": 0.1, "
                    "\"image_disk_watch_interval\": \"1hrs\", \"excluded_images\": [\"busybox\"]}}",
                    why);
    };
    const Result<Json> parsed = Json::parse(json);
    simdjson::dom::object object;
    if (!parsed || parsed->root().get(object) != simdjson::SUCCESS) return bad("it is no object");
    ImageGcOptions options;
    for (const auto field : object) {
        simdjson::dom::array list;
        std::string_view text;
        double number = 0;
        std::int64_t nanoseconds = 0;
        if (field.key == "image_disk_headroom") {
            if (field.value.get(number) != simdjson::SUCCESS || !(number >= 0 && number <= 1))
                return bad("image_disk_headroom is not between 0 and 1");
            options.disk_headroom = number;
        } else if (field.key == "image_disk_watch_interval") {
            if (field.value.get(text) == simdjson::SUCCESS)
                options.watch_interval = TEPUI_TRY(parse_duration(text));
            else if (field.value["nanoseconds"].get(nanoseconds) == simdjson::SUCCESS)
                options.watch_interval = Duration(nanoseconds);
            else
                return bad("image_disk_watch_interval is no duration");
            if (options.watch_interval < 1s) return bad("image_disk_watch_interval is below 1secs");
        } else if (field.key == "excluded_images") {
            if (field.value.get(list) != simdjson::SUCCESS)
                return bad("excluded_images is no list");
            for (const simdjson::dom::element each : list) {
                if (each.get(text) != simdjson::SUCCESS &&
                    each["docker"]["name"].get(text) != simdjson::SUCCESS)
                    return bad("an excluded image has no name");
                options.excluded.emplace_back(text);
            }
        } else {
            return bad(fmt::format("'{}' is unknown", field.key));
        }
    }
    return options;
}

}  // namespace tepui::containerizer::images
