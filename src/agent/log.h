#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/core/effect.h"
#include "agent/options.h"
#include "base/result.h"

namespace spdlog {
class logger;
}

namespace tepui::agent {

/// One agent's log: standard error and a rotating file in its work directory. Any thread.
class Log {
public:
    /// Fails with io when the file cannot be made.
    static Result<std::shared_ptr<Log>> open(const LogOptions& options, const std::string& work_dir);
    ~Log();

    /// Control characters in `text` become blanks: it may quote a peer.
    void write(Severity severity, std::string_view text);
    void info(std::string_view text) { write(Severity::info, text); }
    void warning(std::string_view text) { write(Severity::warning, text); }
    void error(std::string_view text) { write(Severity::error, text); }

    /// The current file; empty without one.
    const std::string& path() const { return path_; }

private:
    Log(std::shared_ptr<spdlog::logger> logger, std::string path);

    std::shared_ptr<spdlog::logger> logger_;
    std::string path_;
};

}  // namespace tepui::agent
