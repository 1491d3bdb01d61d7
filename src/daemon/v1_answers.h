#pragma once

#include <map>
#include <string>
#include <utility>

#include "daemon/files.h"
#include "daemon/log_level.h"
#include "mesos/v1/mesos.pb.h"

// Answers of the v1 operator APIs that the master and the agent give alike. `Answer` is
// mesos.v1.master.Response or mesos.v1.agent.Response.
namespace tepui::daemon {

template <typename Answer>
Answer health_answer() {
    Answer answer;
    answer.set_type(Answer::GET_HEALTH);
    answer.mutable_get_health()->set_healthy(true);
    return answer;
}

template <typename Answer>
Answer version_answer(const mesos::v1::VersionInfo& version) {
    Answer answer;
    answer.set_type(Answer::GET_VERSION);
    *answer.mutable_get_version()->mutable_version_info() = version;
    return answer;
}

template <typename Answer>
Answer flags_answer(const std::map<std::string, std::string>& flags) {
    Answer answer;
    answer.set_type(Answer::GET_FLAGS);
    auto* list = answer.mutable_get_flags();
    for (const auto& [name, value] : flags) {
        mesos::v1::Flag* flag = list->add_flags();
        flag->set_name(name);
        flag->set_value(value);
    }
    return answer;
}

template <typename Answer>
Answer metrics_answer(const std::map<std::string, double>& metrics) {
    Answer answer;
    answer.set_type(Answer::GET_METRICS);
    auto* list = answer.mutable_get_metrics();
    for (const auto& [name, value] : metrics) {
        mesos::v1::Metric* metric = list->add_metrics();
        metric->set_name(name);
        metric->set_value(value);
    }
    return answer;
}

template <typename Answer>
Answer logging_level_answer(int level) {
    Answer answer;
    answer.set_type(Answer::GET_LOGGING_LEVEL);
    answer.mutable_get_logging_level()->set_level(static_cast<std::uint32_t>(level));
    return answer;
}

/// `call`: a SET_LOGGING_LEVEL of either API; fails as LogLevel::raise does.
template <typename Call>
Result<void> set_logging_level(LogLevel& level, const Call& call, Instant now) {
    return level.raise(call.level(), Duration(call.duration().nanoseconds()), now);
}

/// Blocks for the disk; fails as Files::list does.
template <typename Answer>
Result<Answer> list_files_answer(const Files& files, const std::string& path) {
    Answer answer;
    answer.set_type(Answer::LIST_FILES);
    auto* list = answer.mutable_list_files();
    for (const FileEntry& entry : TEPUI_TRY(files.list(path))) {
        *list->add_file_infos() = file_info(entry);
    }
    return answer;
}

/// `call`: a READ_FILE of either API. Blocks for the disk; fails as Files::read does.
template <typename Answer, typename Call>
Result<Answer> read_file_answer(const Files& files, const Call& call) {
    std::optional<std::uint64_t> length;
    if (call.has_length()) length = call.length();
    FilePage page = TEPUI_TRY(files.read(call.path(), call.offset(), length));
    Answer answer;
    answer.set_type(Answer::READ_FILE);
    answer.mutable_read_file()->set_size(page.size);
    answer.mutable_read_file()->set_data(std::move(page.data));
    return answer;
}

}  // namespace tepui::daemon
