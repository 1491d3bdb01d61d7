#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "containerizer/volumes/options.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer {

/// Gives the bytes of secrets. Any thread; blocks for a file at most. Its errors name the secret
/// and never hold any of it.
class SecretResolver {
public:
    virtual ~SecretResolver() = default;
    virtual Result<std::string> resolve(const mesos::v1::Secret& secret) const = 0;
};

/// Values are what they are; references are files beneath --secret_dir: NAME/KEY, or NAME for one
/// without a key. Read anew at each use. Fails when the directory or the key file is not fit.
Result<std::unique_ptr<SecretResolver>> make_secret_resolver(const VolumeOptions& options);

/// Whether one of the variables is a secret.
bool has_secrets(const mesos::v1::CommandInfo& command);
/// Puts the values of secrets in their places: the variables are plain ones then.
Result<void> resolve_secrets(mesos::v1::CommandInfo& command, const SecretResolver& resolver);

}  // namespace tepui::containerizer
