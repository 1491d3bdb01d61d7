// Any bytes as protobuf, read as every call that clients may send. What was read must survive both
// encodings; JSON may refuse only what is nested deeper than its limit.

#include "base/assert.h"
#include "wire/media.h"
#include "wire/root_messages_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tepui::wire;
    static const auto calls = root_calls();
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (const auto& call : calls) {
        if (!decode(Media::protobuf, bytes, *call)) continue;
        const std::string json = encode(Media::json, *call);
        const std::string protobuf = encode(Media::protobuf, *call);
        TEPUI_ASSERT(decode(Media::protobuf, protobuf, *call).has_value());
        TEPUI_ASSERT(encode(Media::json, *call) == json);
        const auto read = decode(Media::json, json, *call);
        TEPUI_ASSERT(read.has_value() || read.error().code == tepui::Errc::too_large);
        if (read) TEPUI_ASSERT(encode(Media::json, *call) == json);
    }
    return 0;
}
