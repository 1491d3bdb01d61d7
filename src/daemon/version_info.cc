#include "daemon/version_info.h"

#include "daemon/version.h"

namespace tepui::daemon {

mesos::v1::VersionInfo version_info() {
    mesos::v1::VersionInfo info;
    info.set_version(std::string(api_version));
    info.set_build_date(std::string(build_date));
    info.set_build_time(build_time);
    info.set_build_user("");
    return info;
}

}  // namespace tepui::daemon
