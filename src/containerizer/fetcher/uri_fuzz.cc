// A task's URI and where it goes: any bytes are an error or a plan that stays in the sandbox.
#include "base/assert.h"
#include "containerizer/beneath.h"
#include "containerizer/fetcher/plan.h"
#include "containerizer/fetcher/retry.h"
#include "containerizer/fetcher/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tepui::containerizer::fetcher;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const std::size_t split = std::min(text.find('\n'), text.size());
    mesos::v1::CommandInfo::URI uri;
    uri.set_value(text.substr(0, split));
    if (split < text.size()) uri.set_output_file(text.substr(split + 1));
    const std::string shown = display_uri(uri.value());
    TEPUI_ASSERT(shown.size() <= 512 + 3);
    (void)content_range_begin(text);
    (void)parse_retry_after(text);
    (void)header_value(text, "etag");
    for (const Source source : {Source::s3, Source::webhdfs}) (void)error_reason(source, text);
    const auto plan = plan_fetch(uri, "/home");
    if (!plan) return 0;
    const auto parts = tepui::containerizer::clean_path(plan->output);
    TEPUI_ASSERT(parts.has_value() && !parts->empty());
    const auto target = make_target(*plan, {{"AWS_ACCESS_KEY_ID", text}}, {}, text);
    if (!target) return 0;
    TEPUI_ASSERT(target->url.find_first_of("\r\n\t") == std::string::npos);
    return 0;
}
