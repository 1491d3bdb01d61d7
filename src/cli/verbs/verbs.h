#pragma once

#include "cli/program.h"
#include "cli/run/spec.h"

namespace tepui::cli {

/// The verbs that are clients of the public API, and the local cluster's `up` and `down`. The
/// daemons are in cli/daemon.
Verb run_verb();
Verb get_verb();
Verb logs_verb();
Verb exec_verb();
Verb attach_verb();
Verb cp_verb();
Verb kill_verb();
Verb describe_verb();
Verb events_verb();
Verb wait_verb();
Verb top_verb();
Verb files_verb();
Verb images_verb();
Verb teardown_verb();
Verb gone_verb();
Verb role_verb();
Verb weight_verb();
Verb priority_verb();
Verb quota_verb();
Verb explain_verb();
Verb offer_verb();
Verb reserve_verb();
Verb unreserve_verb();
Verb volume_verb();
Verb maintenance_verb();
Verb drain_verb();
Verb deactivate_verb();
Verb reactivate_verb();
Verb simulate_verb();
Verb version_verb();
Verb up_verb();
Verb down_verb();

/// Reads `tepui run`'s command line. `user`, `hostname`: of who runs it; `id`: what makes the task
/// ids unique. Fails with invalid_argument, naming the flag.
Result<RunSpec> make_run_spec(const Parsed& parsed, const std::string& user,
                              const std::string& hostname, const std::string& id);

/// A size for people, in MB: "512MB", "1.5GB", "512m", "1g", "512" (MB). Thousandths are exact.
Result<Quantity> parse_megabytes(std::string_view text);

/// The login name of this process' user, or its number.
std::string current_user();
std::string current_hostname();

}  // namespace tepui::cli
