#include <string>
#include <vector>

#include "cli/daemon/daemon.h"
#include "cli/program.h"
#include "cli/verbs/verbs.h"

int main(int count, char** words) {
    using namespace tepui::cli;
    const std::vector<Verb> verbs = {
        up_verb(),         down_verb(),       run_verb(),    get_verb(),         describe_verb(),
        logs_verb(),       exec_verb(),       attach_verb(), cp_verb(),          files_verb(),
        events_verb(),     top_verb(),        wait_verb(),   kill_verb(),        teardown_verb(),
        images_verb(),     gone_verb(),       role_verb(),   weight_verb(),      quota_verb(),
        reserve_verb(),    unreserve_verb(),  volume_verb(), maintenance_verb(), drain_verb(),
        deactivate_verb(), reactivate_verb(), master_verb(), agent_verb(),       secret_verb(),
        priority_verb(),   explain_verb(),    offer_verb(),  simulate_verb(),    version_verb()};
    const std::vector<std::string> arguments(words + 1, words + count);
    return run_program(verbs, arguments, process_console());
}
