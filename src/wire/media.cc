#include "wire/media.h"

#include <algorithm>
#include <limits>

#include "wire/required.h"

namespace tepui::wire {
namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

/// Cuts the part before the first `separator` off the front of `rest`, without white space.
std::string_view cut(std::string_view& rest, char separator) {
    const std::size_t end = rest.find(separator);
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return trim(part);
}

/// Whether the parameters of a media range say q=0 (also 0.0 and 0.000): "not this one".
bool refused(std::string_view parameters) {
    while (!parameters.empty()) {
        const std::string_view parameter = cut(parameters, ';');
        if (parameter.size() < 3 || !same(parameter.substr(0, 2), "q=")) continue;
        return parameter[2] == '0' &&
               parameter.find_first_not_of("0.", 2) == std::string_view::npos;
    }
    return false;
}

/// How closely a media range names a type; 0 is not at all.
int closeness(std::string_view range, std::string_view type) {
    if (same(range, type)) return 3;
    if (same(range, "application/*")) return 2;
    return range == "*/*" ? 1 : 0;
}

/// The closest range decides, so that "application/json;q=0, */*" refuses JSON.
bool accepts(std::string_view accept, std::string_view type) {
    int closest = 0;
    bool accepted = false;
    while (!accept.empty()) {
        std::string_view parameters = cut(accept, ',');
        const std::string_view range = cut(parameters, ';');
        const int how_close = closeness(range, type);
        if (how_close <= closest) continue;
        closest = how_close;
        accepted = !refused(parameters);
    }
    return accepted;
}

}  // namespace

std::string_view to_string(Media media) {
    return media == Media::json ? media_json : media_protobuf;
}

std::optional<Media> parse_content_type(std::string_view content_type) {
    const std::string_view type = cut(content_type, ';');
    if (same(type, media_json)) return Media::json;
    if (same(type, media_protobuf)) return Media::protobuf;
    return std::nullopt;
}

std::optional<Media> negotiate(std::optional<std::string_view> accept) {
    if (!accept || trim(*accept).empty() || accepts(*accept, media_json)) return Media::json;
    if (accepts(*accept, media_protobuf)) return Media::protobuf;
    return std::nullopt;
}

Result<void> decode(Media media, std::string_view bytes, google::protobuf::Message& message) {
    if (media == Media::json) return json_to_message(bytes, message);
    message.Clear();
    if (bytes.size() > std::numeric_limits<int>::max())
        return fail(Errc::too_large, "a protobuf message of {} bytes", bytes.size());
    if (!message.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return fail(Errc::invalid_argument, "not a protobuf {}",
                    message.GetDescriptor()->full_name());
    return check_required(message);
}

std::string encode(Media media, const google::protobuf::Message& message) {
    if (media == Media::json) return message_to_json(message);
    // Partial: an unset required field of our own must not end the process.
    return message.SerializePartialAsString();
}

}  // namespace tepui::wire
