// Feeds bytes from outside to the server's parser: in one piece, cut in pieces, and as the client's
// answer. Whatever they are, nothing may crash, and cuts must not change what is understood.

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/assert.h"
#include "http/client.h"
#include "http/parser.h"
#include "http/text.h"

namespace {

using namespace tepui::http;

constexpr ParseLimits limits{.head_bytes_max = 4'000, .body_bytes_max = 100'000};

struct Seen {
    std::vector<std::string> requests;
    bool is_refused = false;
};

void check(const Request& request) {
    TEPUI_ASSERT(request.path.starts_with('/'));
    TEPUI_ASSERT(request.path.find('\0') == std::string::npos);
    TEPUI_ASSERT(!request.method.empty());
    TEPUI_ASSERT(request.body.size() <= limits.body_bytes_max);
    for (const auto& [name, value] : request.headers.all()) {
        TEPUI_ASSERT(!name.empty());
        TEPUI_ASSERT(value.find('\n') == std::string::npos);
    }
}

/// Serves the requests in `bytes` as a connection does, `step` bytes at a time.
Seen serve(std::string_view bytes, std::size_t step) {
    Seen seen;
    RequestParser parser(limits);
    std::string waiting;
    while (!bytes.empty() || !waiting.empty()) {
        const std::size_t used = parser.feed(waiting);
        TEPUI_ASSERT(used <= waiting.size());
        waiting.erase(0, used);
        if (parser.done()) parser.decode_body();
        if (parser.failure()) {
            TEPUI_ASSERT(parser.failure()->status >= 400);
            seen.is_refused = true;
            return seen;
        }
        if (parser.done()) {
            const Request request = parser.take();
            check(request);
            seen.requests.push_back(request.method + " " + request.path + " " + request.body);
            parser.reset();
            continue;
        }
        if (bytes.empty()) return seen;
        // Where a connection would grow its buffer without end.
        TEPUI_ASSERT(waiting.size() <= limits.head_bytes_max + step);
        waiting.append(bytes.substr(0, step));
        bytes.remove_prefix(std::min(step, bytes.size()));
    }
    return seen;
}

void read_answer(std::string_view bytes, bool to_head) {
    ResponseParser parser(limits);
    parser.reset(to_head);
    while (!bytes.empty() && !parser.done() && !parser.failure()) {
        const std::size_t used = parser.feed(bytes);
        if (used == 0) break;
        bytes.remove_prefix(used);
    }
    parser.feed_end();
    if (parser.done()) {
        TEPUI_ASSERT(parser.body().size() <= limits.body_bytes_max);
        parser.keep_alive();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Seen whole = serve(bytes, size + 1);
    const Seen cut = serve(bytes, 3);
    // A refusal may come earlier when the bytes come slowly, but requests are the same as far as
    // both got.
    for (std::size_t i = 0; i < std::min(whole.requests.size(), cut.requests.size()); ++i)
        TEPUI_ASSERT(whole.requests[i] == cut.requests[i]);
    if (!whole.is_refused && !cut.is_refused)
        TEPUI_ASSERT(whole.requests.size() == cut.requests.size());
    read_answer(bytes, false);
    read_answer(bytes, true);
    if (const auto url = parse_url(bytes)) {
        const auto again = parse_url(to_string(*url));
        TEPUI_ASSERT(again && to_string(*again) == to_string(*url));
    }
    accepts_gzip(bytes);
    return 0;
}
