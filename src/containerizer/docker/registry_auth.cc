#include "containerizer/docker/registry_auth.h"

#include <algorithm>

#include "containerizer/images/docker_config.h"
#include "wire/base64.h"
#include "wire/json_writer.h"

namespace tepui::containerizer::docker {

std::string registry_of(const std::string& image) {
    const std::size_t slash = image.find('/');
    if (slash == std::string::npos) return "docker.io";
    std::string first = image.substr(0, slash);
    const bool host = first == "localhost" || first.find_first_of(".:") != std::string::npos;
    if (!host || first == "index.docker.io" || first == "registry-1.docker.io") return "docker.io";
    std::ranges::transform(first, first.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    return first;
}

Result<std::string> registry_auth(const std::string& config, const std::string& image) {
    if (config.empty()) return std::string();
    const images::RegistryLogins logins = TEPUI_TRY(images::parse_docker_config(config));
    const std::string registry = registry_of(image);
    const auto login = logins.find(registry);
    if (login == logins.end() || login->second.empty()) return std::string();
    std::string json;
    wire::JsonWriter writer(json);
    writer.begin_object().key("username").value(login->second.user);
    writer.key("password").value(login->second.password);
    if (!login->second.identity_token.empty())
        writer.key("identitytoken").value(login->second.identity_token);
    if (!login->second.registry_token.empty())
        writer.key("registrytoken").value(login->second.registry_token);
    writer.key("serveraddress").value(registry).end_object();
    std::string out;
    wire::append_base64(out, json);
    for (char& c : out) {  // The URL-safe alphabet, as the Engine reads it.
        if (c == '+') c = '-';
        if (c == '/') c = '_';
    }
    return out;
}

}  // namespace tepui::containerizer::docker
