#pragma once

#include <memory>

#include "containerizer/isolator.h"
#include "containerizer/isolators/disk_xfs/project_quotas.h"

namespace tepui::containerizer {

/// disk/xfs.
std::unique_ptr<Isolator> make_disk_xfs(const IsolatorContext& context);

/// The same with quotas of a test; `quotas` opens them in prepare_machine().
using OpenQuotas = std::function<Result<std::unique_ptr<ProjectQuotas>>(const std::string& path)>;
std::unique_ptr<Isolator> make_disk_xfs(const IsolatorContext& context, OpenQuotas quotas);

}  // namespace tepui::containerizer
