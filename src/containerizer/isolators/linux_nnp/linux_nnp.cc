#include "containerizer/isolators/linux_nnp/linux_nnp.h"

namespace tepui::containerizer {
namespace {

class LinuxNnp final : public Isolator {
public:
    std::string_view name() const override { return "linux/nnp"; }
    bool concerns(const LaunchSpec& spec) const override { return !spec.hold; }
    Result<void> prepare(const Isolated&, const LaunchSpec&, LaunchPlan& plan) override {
        plan.no_new_privileges = true;
        return {};
    }
};

}  // namespace

std::unique_ptr<Isolator> make_linux_nnp(const IsolatorContext&) {
    return std::make_unique<LinuxNnp>();
}

}  // namespace tepui::containerizer
