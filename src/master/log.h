#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "master/core/effect.h"
#include "master/options.h"

namespace spdlog {
class logger;
}

namespace tepui::master {

/// One master's log: standard error and, when it has a work_dir, a rotating file. Any thread.
class Log {
public:
    /// Fails with io when the file cannot be made.
    static Result<std::shared_ptr<Log>> open(const LogOptions& options,
                                             const std::string& work_dir);
    ~Log();

    void write(Severity severity, std::string_view text);
    void info(std::string_view text) { write(Severity::info, text); }
    void warning(std::string_view text) { write(Severity::warning, text); }
    void error(std::string_view text) { write(Severity::error, text); }
    void flush();

    /// The current file; empty without one.
    const std::string& path() const { return path_; }

private:
    Log(std::shared_ptr<spdlog::logger> logger, std::string path);

    std::shared_ptr<spdlog::logger> logger_;
    std::string path_;
};

}  // namespace tepui::master
