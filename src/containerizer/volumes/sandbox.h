#pragma once

#include <string>

#include "base/result.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer {

/// A sandbox as it really is: what its own task could have put in the way is not followed.
struct Sandbox {
    std::string path;  // As the agent names it: what the shim compares with.
    Descriptor descriptor;
};

/// `nested`: it is `containers/ID` in another one, whose task may write there.
Result<Sandbox> open_sandbox(const std::string& sandbox, bool nested);

}  // namespace tepui::containerizer
