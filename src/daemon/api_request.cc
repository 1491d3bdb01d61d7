#include "daemon/api_request.h"

#include <google/protobuf/descriptor.h>

namespace tepui::daemon {

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

std::unexpected<http::Response> refuse(unsigned status, std::string text) {
    return std::unexpected(http::Response::text(status, std::move(text)));
}

Checked<wire::Media> check_content_type(const http::Request& request) {
    const auto content_type = request.headers.find("Content-Type");
    if (!content_type)
        return refuse(
            400,
            "The request has no Content-Type: say application/json or application/x-protobuf.");
    if (*content_type == wire::media_json) return wire::Media::json;
    if (*content_type == wire::media_protobuf) return wire::Media::protobuf;
    return refuse(
        415,
        "This Content-Type is not understood: send application/json or application/x-protobuf.");
}

Checked<void> decode_call(const http::Request& request, wire::Media media,
                          google::protobuf::Message& call,
                          const std::set<std::string_view>& optional_bodies) {
    if (const auto decoded = wire::decode(media, request.body, call); !decoded)
        return refuse(400, "The body is not a valid call: " + decoded.error().text);

    const auto* descriptor = call.GetDescriptor();
    const auto* reflection = call.GetReflection();
    const auto* type = descriptor->FindFieldByName("type");
    const bool known =
        reflection->HasField(call, type) && reflection->GetEnumValue(call, type) != 0;
    if (!known) return refuse(400, "The call is not valid: its 'type' is missing or unknown.");

    const std::string& name = reflection->GetEnum(call, type)->name();
    const auto* body = descriptor->FindFieldByName(lower_case(name));
    if (body != nullptr && !optional_bodies.contains(name) && !reflection->HasField(call, body))
        return refuse(400, fmt::format("The call is not valid: {} needs the field '{}'.", name,
                                       body->name()));
    return {};
}

Checked<wire::Media> check_accept(const http::Request& request) {
    const auto media = wire::negotiate(request.headers.find("Accept"));
    if (!media)
        return refuse(
            406,
            "Nothing in Accept can be given: ask for application/json or application/x-protobuf.");
    return *media;
}

Checked<wire::Media> check_operator_call(const http::Request& request,
                                         google::protobuf::Message& call,
                                         const std::set<std::string_view>& optional_bodies) {
    const auto media = check_content_type(request);
    if (!media) return media;
    if (auto checked = decode_call(request, *media, call, optional_bodies); !checked)
        return std::unexpected(std::move(checked.error()));
    return check_accept(request);
}

http::Response api_response(wire::Media media, std::shared_ptr<const std::string> body) {
    http::Response response;
    response.headers.set("Content-Type", std::string(to_string(media)));
    response.body = std::move(body);
    return response;
}

http::Response api_error(const Error& error) {
    if (error.code == Errc::not_found) return http::Response::empty(404);
    return http::Response::error(error);
}

}  // namespace tepui::daemon
