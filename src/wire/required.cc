#include "wire/required.h"

#include <string>
#include <vector>

#include <fmt/ranges.h>

namespace tepui::wire {

Result<void> check_required(const google::protobuf::Message& message) {
    if (message.IsInitialized()) [[likely]]
        return {};
    std::vector<std::string> missing;
    message.FindInitializationErrors(&missing);
    return fail(Errc::invalid_argument, "missing required field{} {}",
                missing.size() == 1 ? "" : "s", fmt::join(missing, ", "));
}

}  // namespace tepui::wire
