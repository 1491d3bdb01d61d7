#include "containerizer/images/docker_config.h"

#include "containerizer/images/json.h"
#include "wire/base64.h"

namespace tepui::containerizer::images {
namespace {

/// "https://Host:1/v1/" names the registry "host:1".
std::string host_of(std::string_view key) {
    if (const std::size_t scheme = key.find("://"); scheme != std::string_view::npos)
        key.remove_prefix(scheme + 3);
    std::string host(key.substr(0, key.find('/')));
    for (char& c : host)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (host == "index.docker.io" || host == "registry-1.docker.io") return "docker.io";
    return host;
}

Result<RegistryLogin> read_login(simdjson::dom::element entry, const std::string& host) {
    RegistryLogin login{text_at(entry, "username"), text_at(entry, "password"),
                        text_at(entry, "identitytoken"), text_at(entry, "registrytoken")};
    const std::string packed = text_at(entry, "auth");
    if (packed.empty()) return login;
    std::string plain;
    const bool decoded = wire::decode_base64(packed, plain);
    const std::size_t colon = decoded ? plain.find(':') : std::string::npos;
    if (colon == std::string::npos)
        return fail(Errc::invalid_argument,
                    "the Docker configuration's \"auth\" for '{}' is not base64 of user:password",
                    host);
    login.user = plain.substr(0, colon);
    login.password = plain.substr(colon + 1);
    while (!login.password.empty() && login.password.back() == '\0') login.password.pop_back();
    return login;
}

}  // namespace

Result<RegistryLogins> parse_docker_config(std::string_view json) {
    const Result<Json> parsed = Json::parse(json);
    simdjson::dom::object whole;
    if (!parsed || parsed->root().get(whole) != simdjson::SUCCESS)
        return fail(Errc::invalid_argument,
                    "the Docker configuration is no JSON object like "
                    "{{\"auths\": {{\"HOST\": {{\"auth\": \"...\"}}}}}}");
    simdjson::dom::object auths;
    const bool current = whole["auths"].get(auths) == simdjson::SUCCESS;
    RegistryLogins logins;
    for (const auto field : current ? auths : whole) {
        if (!field.value.is_object()) continue;
        if (!current && field.key.find('.') == std::string_view::npos &&
            field.key.find(':') == std::string_view::npos)
            continue;  // Something else of a configuration.
        const std::string host = host_of(field.key);
        RegistryLogin login = TEPUI_TRY(read_login(field.value, host));
        if (!login.empty()) logins[host] = std::move(login);
    }
    return logins;
}

}  // namespace tepui::containerizer::images
