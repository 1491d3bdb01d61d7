#include "containerizer/isolators/network_ports/network_ports.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <sstream>
#include <thread>

#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"
#include "containerizer/isolators/network_ports/listeners.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;
namespace v1 = mesos::v1;

constexpr const char* k_file = "/ports";  // Of the runtime directory: what it was given.

std::vector<NumberRange> ports_of(
    const google::protobuf::RepeatedPtrField<v1::Resource>& resources) {
    std::vector<NumberRange> ports;
    for (const v1::Resource& resource : resources) {
        if (resource.name() != "ports") continue;
        for (const v1::Value::Range& range : resource.ranges().range())
            ports.emplace_back(static_cast<std::uint32_t>(range.begin()),
                               static_cast<std::uint32_t>(range.end()));
    }
    return ports;
}

bool has_own_network(const LaunchSpec& spec) {
    if (!spec.info) return false;
    return std::ranges::any_of(spec.info->network_infos(),
                               [](const v1::NetworkInfo& network) { return network.has_name(); });
}

/// By rename: a later agent reads all of it or what was there before.
Result<void> store(const std::string& runtime_dir, const std::vector<NumberRange>& ports) {
    const std::string path = runtime_dir + k_file;
    const std::string fresh = path + ".new";
    const std::string text = to_text(ports) + "\n";
    {
        const Descriptor file(
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!file ||
            ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
            return fail(Errc::io, "cannot write '{}': {}", fresh, errno_text());
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0)
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return {};
}

/// Those in the cgroup and in the ones beneath it.
std::vector<std::string> processes_in(const std::string& directory) {
    std::vector<std::string> found;
    const auto add = [&](const std::string& cgroup) {
        std::istringstream pids(cgroups::read_file(cgroup + "/cgroup.procs"));
        for (std::string pid; pids >> pid;) found.push_back(pid);
    };
    add(directory);
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
        if (it->is_directory(error)) add(it->path().string());
    return found;
}

std::vector<Inode> sockets_of(const std::vector<std::string>& pids) {
    std::vector<Inode> sockets;
    for (const std::string& pid : pids) {
        std::error_code error;
        for (fs::directory_iterator it("/proc/" + pid + "/fd", error), end; !error && it != end;
             it.increment(error)) {
            char link[64];
            const ssize_t size = ::readlink(it->path().c_str(), link, sizeof link);
            if (size <= 0) continue;
            const Inode inode = socket_inode({link, static_cast<std::size_t>(size)});
            if (inode != 0) sockets.push_back(inode);
        }
    }
    return sockets;
}

class NetworkPorts final : public Isolator {
public:
    explicit NetworkPorts(const IsolatorContext& context)
        : groups_(context.groups),
          options_(context.options.ports),
          rules_{options_.agent_range_only, options_.agent_range, options_.isolated_range},
          on_limit_(context.on_limit) {}

    ~NetworkPorts() override {
        {
            const std::lock_guard lock(mutex_);
            stopped_ = true;
        }
        wake_.notify_all();
        if (watcher_.joinable()) watcher_.join();
    }

    std::string_view name() const override { return "network/ports"; }

    Result<void> prepare_machine() override {
        if (groups_.directories("any").empty())
            return fail(Errc::unsupported,
                        "it needs a cgroup of each container to know its processes by: put "
                        "cgroups/pids into --isolation");
        if (options_.enforce) watcher_ = std::thread([this] { watch_for_ever(); });
        return {};
    }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec, LaunchPlan&) override {
        // One with a network of its own can't take a port of the machine.
        if (has_own_network(spec)) return {};
        Container container{.id = isolated.container,
                            .cgroup = isolated.cgroup,
                            .parent = isolated.parent,
                            .ports = ports_of(spec.resources)};
        TEPUI_CHECK_OK(store(isolated.runtime_dir, container.ports));
        const std::lock_guard lock(mutex_);
        containers_.insert_or_assign(isolated.runtime_dir, std::move(container));
        return {};
    }

    void recover(const Isolated& isolated) override {
        std::string text = cgroups::read_file(isolated.runtime_dir + k_file);
        if (text.empty()) return;  // Of an agent without this isolator, or a network of its own.
        text.pop_back();
        const std::lock_guard lock(mutex_);
        containers_.insert_or_assign(isolated.runtime_dir, Container{.id = isolated.container,
                                                                     .cgroup = isolated.cgroup,
                                                                     .parent = isolated.parent,
                                                                     .ports = parse_ranges(text)});
    }

    Result<void> update(const Isolated& isolated, const ContainerResources& resources) override {
        const std::lock_guard lock(mutex_);
        const auto found = containers_.find(isolated.runtime_dir);
        if (found == containers_.end()) return {};
        found->second.ports = resources.ports;
        return store(isolated.runtime_dir, resources.ports);
    }

    Result<void> cleanup(const Isolated& isolated) override {
        const std::lock_guard lock(mutex_);
        containers_.erase(isolated.runtime_dir);
        return {};
    }

private:
    struct Container {
        ContainerId id;
        std::string cgroup;
        std::string parent;  // Runtime directory; empty: none.
        std::vector<NumberRange> ports;
        bool told = false;  // Its end was asked for.
    };

    void watch_for_ever() {
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, options_.watch_interval, [this] { return stopped_; })) {
            const auto seen = containers_;
            lock.unlock();
            const std::vector<std::string> guilty = look(seen);
            lock.lock();
            for (const std::string& runtime_dir : guilty)
                if (const auto it = containers_.find(runtime_dir); it != containers_.end())
                    it->second.told = true;
        }
    }

    /// What a container and those nested in it were given together: they share the cgroups that
    /// tell whose a socket is.
    static std::vector<NumberRange> given(const std::map<std::string, Container>& seen,
                                          const std::string& runtime_dir) {
        std::vector<NumberRange> ports = seen.at(runtime_dir).ports;
        for (const auto& [name, container] : seen)
            if (container.parent == runtime_dir)
                ports.insert(ports.end(), container.ports.begin(), container.ports.end());
        return ports;
    }

    std::vector<std::string> look(const std::map<std::string, Container>& seen) {
        std::vector<std::string> guilty;
        Listeners listeners;
        add_listeners(cgroups::read_file("/proc/net/tcp"), listeners);
        add_listeners(cgroups::read_file("/proc/net/tcp6"), listeners);
        if (listeners.empty()) return guilty;
        for (const auto& [runtime_dir, container] : seen) {
            if (!container.parent.empty() || container.told || container.cgroup.empty()) continue;
            const std::string directory = groups_.directories(container.cgroup).front();
            const auto strange = strange_ports(listeners, sockets_of(processes_in(directory)),
                                               given(seen, runtime_dir), rules_);
            if (strange.empty()) continue;
            guilty.push_back(runtime_dir);
            on_limit_(container.id, limit_of(strange));
        }
        return guilty;
    }

    static LimitHit limit_of(const std::set<std::uint16_t>& ports) {
        LimitHit limit;
        limit.reason = v1::TaskStatus::REASON_CONTAINER_LIMITATION;
        v1::Resource& resource = *limit.resources.add_resources();
        resource.set_name("ports");
        resource.set_type(v1::Value::RANGES);
        std::string text;
        for (const std::uint16_t port : ports) {
            v1::Value::Range& range = *resource.mutable_ranges()->add_range();
            range.set_begin(port);
            range.set_end(port);
            text += fmt::format("{}{}", text.empty() ? "" : ", ", port);
        }
        limit.message = fmt::format("Container listens on ports that it was not given: {}", text);
        return limit;
    }

    const cgroups::Groups& groups_;
    const PortOptions options_;
    const PortRules rules_;
    const OnLimit on_limit_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::map<std::string, Container> containers_;  // By runtime directory.
    bool stopped_ = false;
    std::thread watcher_;
};

}  // namespace

std::unique_ptr<Isolator> make_network_ports(const IsolatorContext& context) {
    return std::make_unique<NetworkPorts>(context);
}

}  // namespace tepui::containerizer
