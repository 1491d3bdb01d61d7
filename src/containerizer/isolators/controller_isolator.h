#pragma once

#include <string>
#include <string_view>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// An isolator that is a cgroup controller: each container has a cgroup of its own in it, which
/// `Groups` makes and removes. Those that set or measure more derive from it. The agent does not
/// start where --isolation names it and the machine lacks the controller.
class ControllerIsolator : public Isolator {
public:
    /// `name`: a literal, as in --isolation. `controller`: as the kernel calls it in the version of
    /// cgroups that is in use.
    ControllerIsolator(const IsolatorContext& context, std::string_view name,
                       std::string_view controller);

    std::string_view name() const override { return name_; }
    Result<void> prepare_machine() override;

protected:
    const Options& options() const { return options_; }
    const cgroups::Groups& groups() const { return groups_; }
    /// The container's directory in this controller; empty when it lives in its parent's.
    std::string directory(const Isolated& isolated) const;

private:
    const std::string_view name_;
    const std::string controller_;
    const Options& options_;
    const cgroups::Groups& groups_;
};

}  // namespace tepui::containerizer
