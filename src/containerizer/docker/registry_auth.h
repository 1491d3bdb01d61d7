#pragma once

#include <string>

#include "base/result.h"

namespace tepui::containerizer::docker {

/// Where an image is pulled from: the part of its name before the first slash when that looks like
/// a host, else Docker Hub's "docker.io". In lower case.
std::string registry_of(const std::string& image);

/// The X-Registry-Auth of a pull of `image` from `config`, the text of a Docker config.json. Empty:
/// it has nothing for that registry. Fails on a text that is no such file; no secret is in the
/// error.
Result<std::string> registry_auth(const std::string& config, const std::string& image);

}  // namespace tepui::containerizer::docker
