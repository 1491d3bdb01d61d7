#include "cli/daemon/fetcher_flags.h"

#include "cli/cluster/names.h"
#include "cli/daemon/daemon.h"
#include "cli/daemon/limit_flags.h"
#include "cli/flags/checks.h"

namespace tepui::cli {
namespace {

constexpr Bytes k_cache_max{std::uint64_t{1} << 50};

}  // namespace

std::vector<Flag> fetcher_flags() {
    std::vector<Flag> flags;
    flags.push_back(daemon_flag("Fetcher", "fetcher_cache_dir", "PATH", "",
                                "Where fetched files are kept for tasks that ask for it by "
                                "URI.cache. Of one agent alone, and "
                                "emptied when it starts. Without it: work_dir/fetch.",
                                not_empty()));
    flags.push_back(
        daemon_flag("Fetcher", "fetcher_cache_size", "BYTES", "2GB",
                    "How much of them is kept; what was not used for the longest time makes room.",
                    bytes_between(Bytes{0}, k_cache_max)));
    flags.push_back(daemon_flag(
        "Fetcher", "fetcher_stall_timeout", "DURATION", "1mins",
        "A download that brings less than a byte a second for so long is given up, and with it the "
        "task.",
        duration_between(1s, 24h)));
    flags.push_back(daemon_flag(
        "Fetcher", "hadoop_home", "PATH", "",
        "The folder of a Hadoop client, whose bin/hadoop fetches hdfs:// and what else it knows. "
        "Without it: $HADOOP_HOME, or the first `hadoop` in the PATH; where there is none, hdfs:// "
        "is "
        "fetched by WebHDFS.",
        not_empty()));
    return flags;
}

void read_fetcher_flags(const Parsed& parsed, containerizer::Options& options) {
    if (parsed.given("fetcher_cache_dir"))
        options.fetcher.cache_dir = absolute_path(parsed.value("fetcher_cache_dir"));
    options.fetcher.cache_bytes = bytes_of(parsed, "fetcher_cache_size");
    options.fetch_stall_timeout =
        parse_duration(parsed.value("fetcher_stall_timeout")).value_or(60s);
    if (parsed.given("hadoop_home"))
        options.fetcher.hadoop_home = absolute_path(parsed.value("hadoop_home"));
}

}  // namespace tepui::cli
