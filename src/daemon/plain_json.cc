#include "daemon/plain_json.h"

namespace tepui::daemon {

using wire::JsonWriter;

void write_version(JsonWriter& json, const mesos::v1::VersionInfo& version) {
    json.key("version").value(version.version());
    if (version.has_git_sha()) json.key("git_sha").value(version.git_sha());
    if (version.has_git_branch()) json.key("git_branch").value(version.git_branch());
    if (version.has_git_tag()) json.key("git_tag").value(version.git_tag());
    json.key("build_date").value(version.build_date());
    json.key("build_time").value(version.build_time());
    json.key("build_user").value(version.build_user());
}

void write_flags(JsonWriter& json, const std::map<std::string, std::string>& flags) {
    json.begin_object();
    for (const auto& [name, value] : flags) json.key(name).value(value);
    json.end_object();
}

std::string version_json(const mesos::v1::VersionInfo& version) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_version(json, version);
    json.end_object();
    return out;
}

std::string flags_json(const std::map<std::string, std::string>& flags) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("flags");
    write_flags(json, flags);
    json.end_object();
    return out;
}

std::string metrics_json(const std::map<std::string, double>& metrics) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    for (const auto& [name, value] : metrics) json.key(name).value(value);
    json.end_object();
    return out;
}

}  // namespace tepui::daemon
