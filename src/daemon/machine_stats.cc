#include "daemon/machine_stats.h"

#include <sys/sysinfo.h>

#include "wire/json_writer.h"

namespace tepui::daemon {

std::string machine_stats_json() {
    struct sysinfo machine{};
    ::sysinfo(&machine);  // Fails for a bad address only.
    const auto load = [&](int i) {
        return static_cast<double>(machine.loads[i]) / (1 << SI_LOAD_SHIFT);
    };
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object();
    json.key("avg_load_15min").value(load(2));
    json.key("avg_load_1min").value(load(0));
    json.key("avg_load_5min").value(load(1));
    json.key("cpus_total").value(::get_nprocs());
    json.key("mem_free_bytes").value(std::uint64_t{machine.freeram} * machine.mem_unit);
    json.key("mem_total_bytes").value(std::uint64_t{machine.totalram} * machine.mem_unit);
    json.end_object();
    return out;
}

}  // namespace tepui::daemon
