#include "containerizer/isolation.h"

#include <array>
#include <string_view>

namespace tepui::containerizer {
namespace {

struct Isolator {
    std::string_view name;
    void (*apply)(Isolation&);
};

constexpr std::array k_isolators{
    Isolator{"cgroups/all", [](Isolation& i) { i.cpu = i.memory = i.pids = true; }},
    Isolator{"cgroups/cpu", [](Isolation& i) { i.cpu = true; }},
    Isolator{"cgroups/mem", [](Isolation& i) { i.memory = true; }},
    Isolator{"cgroups/pids", [](Isolation& i) { i.pids = true; }},
    Isolator{"filesystem/linux", [](Isolation& i) { i.mount_namespace = true; }},
    Isolator{"filesystem/posix", [](Isolation&) {}},
    Isolator{"namespaces/pid", [](Isolation& i) { i.pid_namespace = true; }},
    Isolator{"posix/cpu", [](Isolation&) {}},
    Isolator{"posix/mem", [](Isolation&) {}},
};

}  // namespace

Result<Isolation> parse_isolation(const std::vector<std::string>& names) {
    Isolation isolation;
    for (const std::string& name : names) {
        bool found = false;
        for (const Isolator& isolator : k_isolators) {
            if (isolator.name != name) continue;
            isolator.apply(isolation);
            found = true;
        }
        if (found) continue;
        std::string known;
        for (const Isolator& isolator : k_isolators) {
            if (!known.empty()) known += ", ";
            known += isolator.name;
        }
        return fail(Errc::invalid_argument, "unknown isolator '{}'; known are: {}", name, known);
    }
    return isolation;
}

}  // namespace tepui::containerizer
