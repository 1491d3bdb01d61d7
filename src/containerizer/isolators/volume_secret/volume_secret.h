#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// volume/secret. Fails when --secret_dir or --secret_key_file is not fit.
Result<std::unique_ptr<Isolator>> make_volume_secret(const IsolatorContext& context);

}  // namespace tepui::containerizer
