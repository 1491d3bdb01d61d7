#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/time.h"

namespace tepui::master {

/// The hostnames of a whitelist: one a line; blanks around them and empty lines say nothing.
std::set<std::string> parse_whitelist(const std::string& text);

/// Reads the file; fails with not_found or io, naming it, with too_large beyond 16 MB.
Result<std::set<std::string>> read_whitelist(const std::string& path);

/// Reads a whitelist's file every `interval`, on a thread of its own, and tells when it says
/// something else than it did. While it cannot be read, what it said last holds.
class WhitelistWatch {
public:
    using Told = std::function<void(Result<std::set<std::string>>)>;
    /// `known`: what it said before. `told` gets each change, and the first error of a row.
    WhitelistWatch(std::string path, std::set<std::string> known, Duration interval, Told told);

private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::jthread thread_;  // Last: it uses the others.
};

}  // namespace tepui::master
