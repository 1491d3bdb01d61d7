#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui::containerizer::images {

/// How to show a registry who asks. Never logged and never stored.
struct RegistryLogin {
    std::string user;
    std::string password;
    std::string identity_token;  // A refresh token for the registry's token service.
    std::string registry_token;  // Sent to the registry as it is.
    bool empty() const {
        return user.empty() && password.empty() && identity_token.empty() && registry_token.empty();
    }
    bool operator==(const RegistryLogin&) const = default;
};

/// Logins by registry, "host[:port]" in lower case; Docker Hub's is "docker.io".
using RegistryLogins = std::map<std::string, RegistryLogin>;

/// Reads a Docker configuration (its "auths"; also the older form that is only these). Programs
/// that it names as helpers are not run. Fails with invalid_argument; the text repeats nothing of
/// it.
Result<RegistryLogins> parse_docker_config(std::string_view json);

}  // namespace tepui::containerizer::images
