#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/images/image_store.h"
#include "containerizer/user.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::oci {

/// The program and its argv (as plan_argv() gives it) of `command` in an image. Pure. With a shell
/// the command alone counts. Without: a value replaces the entry point, arguments replace the
/// image's; a command without a value is the entry point with the arguments, or with the image's
/// own when it gives none; where there is no entry point the image's first argument is the program.
/// Source: Apache Mesos 1.12-dev, docker/runtime. Fails with invalid_argument when nothing is left
/// to run.
Result<std::vector<std::string>> image_argv(const mesos::v1::CommandInfo& command,
                                            const images::ImageConfig& image);

/// `environment` ("NAME=value") with the image's variables on top, but for those that the command
/// sets itself. Pure.
std::vector<std::string> image_environment(std::vector<std::string> environment,
                                           const std::vector<std::string>& image,
                                           const mesos::v1::CommandInfo& command);

/// Whom "name", "uid", "name:group" or "uid:gid" means by the texts of the image's /etc/passwd and
/// /etc/group. Pure. Numbers need not be in them. Fails with not_found, naming what is missing.
Result<User> image_user(std::string_view text, std::string_view passwd, std::string_view group);

/// The same by the files of the root filesystem `rootfs`: its links lead nowhere but into it.
Result<User> find_image_user(const std::string& text, const std::string& rootfs);

}  // namespace tepui::containerizer::oci
