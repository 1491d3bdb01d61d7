#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/severity.h"

namespace spdlog {
class logger;
}

namespace tepui::daemon {

struct LogOptions {
    bool to_stderr = true;
    bool to_file = true;    // NAME.log, rotated; only with a work_dir or a directory.
    std::string directory;  // Of the file; empty: `work_dir`/log.
    std::size_t file_bytes_max = std::size_t{64} << 20;
    std::size_t files_max = 5;
    Severity least = Severity::info;  // What is less is left out.
};

/// One daemon's log: standard error and, where there is a directory for it, a rotating file. Any
/// thread.
class Log {
public:
    /// `name`: of the daemon ("master"), also of the file. Fails with io when the file cannot be
    /// made.
    static Result<std::shared_ptr<Log>> open(const LogOptions& options, const std::string& work_dir,
                                             const std::string& name);
    ~Log();

    /// Control characters in `text` become blanks: it may quote a peer.
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

}  // namespace tepui::daemon
