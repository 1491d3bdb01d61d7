// Any bytes as JSON, read as every root message. What was read must be written as JSON that is read
// as the same message, and written the same again.

#include "base/assert.h"
#include "wire/json.h"
#include "wire/root_messages_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tepui::wire;
    static const auto roots = root_messages();
    const std::string_view json(reinterpret_cast<const char*>(data), size);
    for (const auto& message : roots) {
        if (!json_to_message(json, *message)) continue;
        const std::string written = message_to_json(*message);
        TEPUI_ASSERT(json_to_message(written, *message).has_value());
        TEPUI_ASSERT(message_to_json(*message) == written);
    }
    return 0;
}
