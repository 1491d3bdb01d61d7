#include "daemon/log.h"

#include <filesystem>

#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace tepui::daemon {
namespace {

/// Texts may quote what a peer sent: one line stays one line.
std::string one_line(std::string_view text) {
    std::string line(text);
    for (char& c : line) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return line;
}

spdlog::level::level_enum level_of(Severity severity) {
    switch (severity) {
        case Severity::info: return spdlog::level::info;
        case Severity::warning: return spdlog::level::warn;
        case Severity::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

}  // namespace

Result<std::shared_ptr<Log>> Log::open(const LogOptions& options, const std::string& work_dir,
                                       const std::string& name) {
    std::vector<spdlog::sink_ptr> sinks;
    std::string path;
    if (options.to_stderr) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    std::string directory = options.directory;
    if (directory.empty() && !work_dir.empty()) directory = work_dir + "/log";
    if (options.to_file && !directory.empty()) {
        path = directory + "/" + name + ".log";
        try {
            std::filesystem::create_directories(directory);
            sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                path, options.file_bytes_max, options.files_max));
        } catch (const std::exception& exception) {
            return fail(Errc::io, "opening the log {}: {}", path, exception.what());
        }
    }
    auto logger = std::make_shared<spdlog::logger>(name, sinks.begin(), sinks.end());
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
    logger->set_level(level_of(options.least));
    logger->flush_on(spdlog::level::info);  // A reader of the file sees what happened just now.
    return std::shared_ptr<Log>(new Log(std::move(logger), std::move(path)));
}

Log::Log(std::shared_ptr<spdlog::logger> logger, std::string path)
    : logger_(std::move(logger)), path_(std::move(path)) {}

Log::~Log() = default;

void Log::write(Severity severity, std::string_view text) {
    logger_->log(level_of(severity), one_line(text));
}

void Log::flush() { logger_->flush(); }

}  // namespace tepui::daemon
