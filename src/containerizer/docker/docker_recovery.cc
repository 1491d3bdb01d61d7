// Finding again what an earlier agent left in the Engine. What the Engine does not tell in time is
// taken as running, and learned when it answers.

#include <chrono>
#include <filesystem>
#include <future>
#include <utility>

#include <boost/asio/post.hpp>

#include "containerizer/docker/docker_containerizer.h"

namespace tepui::containerizer::docker {
namespace {

double now_s() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

const std::string& label(const Listed& listed, const char* name) {
    static const std::string none;
    const auto found = listed.labels.find(name);
    return found == listed.labels.end() ? none : found->second;
}

}  // namespace

struct DockerContainerizer::Recovery {
    std::vector<ContainerId> expected;
    std::function<void(const ContainerId&, Exited)> exited;
    std::vector<Found> found;
    StopPtr stop = std::make_shared<Stop>();
    std::promise<void> done;
};

Result<std::vector<Found>> DockerContainerizer::recover(
    const std::vector<ContainerId>& expected,
    std::function<void(const ContainerId&, Exited)> exited) {
    const auto recovery = std::make_shared<Recovery>();
    recovery->expected = expected;
    recovery->exited = std::move(exited);
    std::future<void> done = recovery->done.get_future();
    asio::post(io_, [this, recovery] { spawn(look_around(recovery)); });
    if (done.wait_for(options_.docker.recover_timeout) != std::future_status::ready) {
        warn(fmt::format("the Docker Engine at {} does not answer; what runs there is asked again",
                         options_.docker.socket));
        asio::post(io_, [recovery] { recovery->stop->request(); });
        done.wait();  // The calls end at once now.
    }
    return std::move(recovery->found);
}

asio::awaitable<void> DockerContainerizer::look_around(std::shared_ptr<Recovery> recovery) {
    std::map<ContainerId, Shared> adopted;
    for (const ContainerId& id : recovery->expected) {
        if (const Shared container = adopt(id, recovery->exited))
            adopted.emplace(id, container);
        else
            recovery->found.push_back({id, 0, false, Exited{}, {}});
    }
    Result<std::vector<Listed>> listed =
        co_await engine_.list(k_label_work_dir, options_.work_dir, recovery->stop);
    std::map<std::string, std::string> engine_ids;
    if (listed)
        for (const Listed& each : *listed) engine_ids[label(each, k_label_container)] = each.id;
    for (const auto& [id, container] : adopted) {
        const auto engine_id = engine_ids.find(id.value);
        Result<Inspected> now = fail(Errc::not_found, "it is not in the Docker Engine");
        if (!listed) now = std::unexpected(listed.error());
        if (engine_id != engine_ids.end())
            now = co_await engine_.inspect(engine_id->second, recovery->stop);
        recovery->found.push_back(recognise(container, now));
    }
    recovered_ = true;
    if (listed) co_await sweep(std::move(*listed));
    spawn(look_at_all());
    recovery->done.set_value();
}

DockerContainerizer::Shared DockerContainerizer::adopt(
    const ContainerId& id, const std::function<void(const ContainerId&, Exited)>& exited) {
    const std::string path = record_path(id);
    const Result<Record> record = read_record(path);
    if (!record || record->container != id.value) return nullptr;
    auto container = std::make_shared<Container>();
    container->id = id;
    container->name = engine_name(id);
    container->record = path;
    container->sandbox = record->sandbox;
    container->exited = [exited, id](Exited end) { exited(id, std::move(end)); };
    container->phase = Phase::running;
    // Without its sandbox there is no place for its logs; the rest goes on.
    if (const Result<void> opened = open_logs(*container, *record); !opened)
        warn(opened.error().text);
    containers_.insert_or_assign(id, container);
    return container;
}

/// What the caller is told of an adopted one. One that ended is told as running: its end follows
/// when the rest of its logs is read.
Found DockerContainerizer::recognise(const Shared& container, const Result<Inspected>& inspected) {
    Found found{container->id, 0, true, std::nullopt, {}};
    const bool never_ran = inspected && inspected->status == "created";
    const bool gone = !inspected && inspected.error().code == Errc::not_found;
    if (never_ran || gone) {
        container->phase = Phase::ended;
        container->logs.reset();
        containers_.erase(container->id);
        keep_end(container->id);
        if (never_ran) spawn(remove_surely(inspected->id, 0s));
        found.running = false;
        found.exited = Exited{};
        return found;
    }
    if (!inspected) return found;
    container->engine_id = inspected->id;
    container->stop_signal = inspected->stop_signal;
    if (inspected->running) set_pid(container, inspected->pid);
    found.pid = inspected->pid;
    found.status = status_of(*inspected);
    found.data = data_of(*inspected);
    return found;
}

Result<void> DockerContainerizer::open_logs(Container& container, const Record& record) const {
    Descriptor sandbox = TEPUI_TRY(open_sandbox(options_.work_dir, container.sandbox));
    LogFiles::Owner owner;
    if (record.uid >= 0) owner = {static_cast<uid_t>(record.uid), static_cast<gid_t>(record.gid)};
    container.logs = TEPUI_TRY(
        LogFiles::open(std::move(sandbox), container.record + "/log", record.logs, owner));
    return {};
}

/// Ends what runs for nobody, and removes what ended long enough ago.
asio::awaitable<void> DockerContainerizer::sweep(std::vector<Listed> listed) {
    for (const Listed& each : listed) {
        const ContainerId id(label(each, k_label_container));
        const bool known = containers_.contains(id) || kept_.contains(id);
        if (known || removing_.contains(each.id) || removing_.contains(engine_name(id))) continue;
        if (each.status != "exited" && each.status != "dead") {
            if (options_.docker.kill_orphans || each.status == "created")
                spawn(remove_surely(each.id, 0s));
            continue;
        }
        const Result<Inspected> now = co_await engine_.inspect(each.id, stop_);
        if (!now) continue;
        const double age_s = now_s() - parse_time(now->finished_at).value_or(0);
        const Duration left = options_.docker.remove_delay - duration_from_seconds(age_s);
        spawn(remove_surely(each.id, std::max(left, Duration(0s))));
    }
    if (!recovered_) co_return;
    // Records of which neither the agent nor the Engine knows anything.
    std::error_code error;
    std::set<std::string> wanted;
    for (const auto& [id, container] : containers_) wanted.insert(container->record);
    for (const ContainerId& id : kept_) wanted.insert(record_path(id));
    std::vector<std::string> stale;
    for (std::filesystem::directory_iterator it(options_.runtime_dir, error), end;
         !error && it != end; it.increment(error))
        if (!wanted.contains(it->path().string())) stale.push_back(it->path().string());
    for (const std::string& path : stale) std::filesystem::remove_all(path, error);
}

}  // namespace tepui::containerizer::docker
