#include "master/core/whitelist.h"

namespace tepui::master {

void recover_whitelist(Turn& turn) {
    if (turn.state.config.whitelist) {
        turn.state.allocator->set_whitelist(turn.state.config.whitelist);
    }
}

void on_whitelist(Turn& turn, const WhitelistChanged& changed) {
    if (changed.hostnames) {
        turn.log(Severity::info, "Only agents on the {} hosts of the whitelist are offered",
                 changed.hostnames->size());
    } else {
        turn.log(Severity::info, "Agents on all hosts are offered: there is no whitelist any more");
    }
    turn.state.allocator->set_whitelist(changed.hostnames);
}

}  // namespace tepui::master
