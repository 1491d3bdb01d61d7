#include "containerizer/isolators/network_cni/network_cni.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <ranges>
#include <set>
#include <utility>

#include "containerizer/cgroups/files.h"
#include "containerizer/isolators/network_cni/network_config.h"
#include "containerizer/isolators/network_cni/network_files.h"
#include "containerizer/isolators/network_cni/network_namespace.h"
#include "containerizer/isolators/network_cni/network_store.h"
#include "containerizer/isolators/network_cni/plugins.h"

namespace tepui::containerizer {
namespace {

namespace v1 = mesos::v1;
using cni::Attachment;
using cni::CniResult;
using cni::ContainerNetworks;

// Where Debian and Kubernetes put them.
const std::vector<std::string> k_plugin_dirs{"/usr/lib/cni", "/opt/cni/bin"};
constexpr const char* k_bridge = "bridge";
constexpr const char* k_files[] = {"resolv.conf", "hosts", "hostname"};
// Has the nameservers behind a stub that only the host can reach.
constexpr const char* k_resolved_conf = "/run/systemd/resolve/resolv.conf";

const std::vector<std::string>& plugin_dirs(const NetworkOptions& options) {
    return options.plugin_dirs.empty() ? k_plugin_dirs : options.plugin_dirs;
}

std::vector<v1::NetworkInfo> named_networks(const LaunchSpec& spec) {
    std::vector<v1::NetworkInfo> networks;
    if (!spec.info) return networks;
    for (const v1::NetworkInfo& network : spec.info->network_infos())
        if (network.has_name()) networks.push_back(network);
    return networks;
}

std::vector<std::string> addresses_of(const ContainerNetworks& networks) {
    std::vector<std::string> addresses;
    for (const Attachment& attachment : networks.attachments) {
        const Result<CniResult> result = cni::parse_result(attachment.result);
        if (!result) continue;
        for (const CniResult::Address& address : result->addresses) addresses.push_back(address.ip);
    }
    return addresses;
}

std::string host_resolv_conf() {
    const std::string text = cgroups::read_file("/etc/resolv.conf");
    const std::string reachable = cni::without_loopback(text);
    if (reachable == text) return text;
    const std::string resolved = cgroups::read_file(k_resolved_conf);
    return resolved.empty() ? reachable : resolved;
}

void set_variable(std::vector<std::string>& environment, const std::string& name,
                  const std::string& value) {
    std::erase_if(environment, [&](const std::string& each) {
        return each.starts_with(name) && each.size() > name.size() && each[name.size()] == '=';
    });
    environment.push_back(name + "=" + value);
}

class NetworkCni final : public Isolator {
public:
    explicit NetworkCni(const IsolatorContext& context)
        : options_(context.options.networks),
          plugins_(plugin_dirs(options_)),
          leftovers_(context.options.work_dir + "/networks") {}

    std::string_view name() const override { return "network/cni"; }
    bool concerns(const LaunchSpec& spec) const override {
        return spec.parent || has_networks(spec);
    }
    Result<void> prepare_machine() override;
    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                         LaunchPlan& plan) override;
    void started(const Isolated& isolated, std::int64_t pid) override;
    void usage(const Isolated& isolated, v1::ResourceStatistics& statistics) override;
    void status(const Isolated& isolated, v1::ContainerStatus& status) override;
    Result<void> cleanup(const Isolated& isolated) override;
    void sweep(const std::vector<Isolated>& living) override;

private:
    Result<ContainerNetworks> plan_networks(const Isolated& isolated, const LaunchSpec& spec) const;
    Result<cni::NetworkConfig> find_network(const cni::NetworkCatalog& catalog,
                                            const v1::NetworkInfo& info) const;
    Result<void> save(const std::string& directory, const ContainerNetworks& networks) const;
    Result<void> attach_all(const Isolated& isolated, const std::string& directory,
                            ContainerNetworks& networks);
    Result<void> write_files(const std::string& directory, const ContainerNetworks& networks) const;
    Result<void> share(const Isolated& isolated, LaunchPlan& plan) const;
    void enter(const std::string& directory, const ContainerNetworks& networks,
               LaunchPlan& plan) const;
    Result<void> detach_all(const ContainerNetworks& networks, const std::string& space) const;

    const NetworkOptions& options_;
    const cni::Plugins plugins_;
    const cni::Leftovers leftovers_;
    std::mutex bridge_mutex_;
    std::set<std::string> bridges_;  // Networks whose bridges are there.
    std::mutex mutex_;
    std::map<std::string, std::int64_t> pids_;  // By runtime directory: whose traffic is counted.
};

Result<void> NetworkCni::prepare_machine() {
    std::string places;
    for (const std::string& directory : plugin_dirs(options_))
        places += (places.empty() ? "" : ", ") + directory;
    if (plugins_.first_filled().empty())
        return fail(
            Errc::not_found,
            "there are no CNI plugins in {}: install them (containernetworking-plugins), or "
            "name their folder by --network_cni_plugins_dir",
            places);
    std::error_code error;
    if (!options_.config_dir.empty() && !std::filesystem::is_directory(options_.config_dir, error))
        return fail(Errc::not_found, "--network_cni_config_dir '{}' is no directory",
                    options_.config_dir);
    return {};
}

Result<cni::NetworkConfig> NetworkCni::find_network(const cni::NetworkCatalog& catalog,
                                                    const v1::NetworkInfo& info) const {
    if (info.name() != k_bridge || catalog.networks.contains(k_bridge))
        return catalog.find(info.name());
    for (const char* plugin : {"bridge", "host-local"}) TEPUI_CHECK_OK(plugins_.find(plugin));
    return cni::default_bridge({.subnet = options_.bridge_subnet,
                                .ports = !info.port_mappings().empty(),
                                .bandwidth = TEPUI_TRY(cni::bandwidth_of(info)).any(),
                                .firewall = plugins_.has("firewall")});
}

Result<ContainerNetworks> NetworkCni::plan_networks(const Isolated& isolated,
                                                    const LaunchSpec& spec) const {
    TEPUI_CHECK_OK(cni::check_ports(*spec.info, spec.resources));
    ContainerNetworks networks{.container = isolated.name, .hostname = {}, .attachments = {}};
    networks.hostname = TEPUI_TRY(cni::choose_hostname(
        spec.info->hostname(),
        spec.hostname_default.empty() ? spec.container.value : spec.hostname_default));
    const cni::NetworkCatalog catalog = cni::read_catalog(options_.config_dir);
    std::set<std::string> seen;
    for (const v1::NetworkInfo& info : named_networks(spec)) {
        if (!seen.insert(info.name()).second)
            return fail(Errc::invalid_argument, "the container is to join network '{}' twice",
                        info.name());
        const cni::NetworkConfig network = TEPUI_TRY(find_network(catalog, info));
        // What is missing is known before anything is begun that it would have to take back.
        for (const cni::PluginConfig& plugin : network.plugins)
            TEPUI_CHECK_OK(plugins_.find(plugin.type));
        networks.attachments.push_back(
            TEPUI_TRY(cni::plan_attachment(network, info, networks.attachments.size(),
                                           cni::find_dns(options_.dns.mesos, info.name()))));
    }
    return networks;
}

Result<void> NetworkCni::save(const std::string& directory,
                              const ContainerNetworks& networks) const {
    if (options_.persist) TEPUI_CHECK_OK(leftovers_.keep(networks));
    return cni::write_whole(directory + "/" + cni::k_state_file, cni::encode(networks));
}

Result<void> NetworkCni::attach_all(const Isolated& isolated, const std::string& directory,
                                    ContainerNetworks& networks) {
    const std::string space = directory + "/" + cni::k_space_file;
    const Descriptor held = TEPUI_TRY(cni::lock_networks(directory));
    for (Attachment& attachment : networks.attachments) {
        attachment.begun = true;  // Known to whoever has to take it back.
        TEPUI_CHECK_OK(save(directory, networks));
        // Two plugins that make the same bridge get in each other's way: the first of each goes
        // alone.
        std::unique_lock first(bridge_mutex_);
        if (attachment.plugins.front().type != k_bridge ||
            bridges_.contains(attachment.info.name()))
            first.unlock();
        const Result<void> attached =
            plugins_.attach(attachment, networks.container, space, held.get(), isolated.cancelled);
        if (!attached) {
            // Plugins that are done are told what they had made.
            TEPUI_CHECK_OK(save(directory, networks));
            return attached;
        }
        if (first) bridges_.insert(attachment.info.name());
    }
    return save(directory, networks);
}

Result<void> NetworkCni::write_files(const std::string& directory,
                                     const ContainerNetworks& networks) const {
    std::string resolv;
    for (const Attachment& attachment : networks.attachments) {
        const Result<CniResult> result = cni::parse_result(attachment.result);
        if (resolv.empty() && result && !result->dns.nameservers.empty())
            resolv = cni::resolv_conf(result->dns);
    }
    for (const Attachment& attachment : networks.attachments) {
        const DnsOptions* dns = cni::find_dns(options_.dns.mesos, attachment.info.name());
        if (resolv.empty() && dns != nullptr) resolv = cni::resolv_conf(*dns);
    }
    if (resolv.empty()) resolv = host_resolv_conf();
    const std::pair<const char*, std::string> files[] = {
        {k_files[0], resolv},
        {k_files[1], cni::hosts_file(networks.hostname, addresses_of(networks))},
        {k_files[2], networks.hostname + "\n"}};
    for (const auto& [file, text] : files) {
        const std::string path = directory + "/" + file;
        TEPUI_CHECK_OK(cni::write_whole(path, text));
        if (::chmod(path.c_str(), 0644) != 0)  // The task reads them.
            return fail(Errc::io, "cannot set the mode of '{}': {}", path, errno_text());
    }
    return {};
}

void NetworkCni::enter(const std::string& directory, const ContainerNetworks& networks,
                       LaunchPlan& plan) const {
    plan.network_namespace = directory + "/" + cni::k_space_file;
    if (plan.hostname.empty()) plan.hostname = networks.hostname;
    for (const char* file : k_files) {
        const std::string target = std::string("/etc/") + file;
        if (!plan.root && ::access(target.c_str(), F_OK) != 0) continue;  // Nothing to mount on.
        std::erase_if(plan.mounts, [&](const MountPlan& each) { return each.target == target; });
        plan.mounts.push_back({.source = directory + "/" + file,
                               .target = target,
                               .type = "",
                               .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                               .data = {},
                               .recursive = false});
    }
    const std::vector<std::string> addresses = addresses_of(networks);
    if (addresses.empty()) return;
    set_variable(plan.environment, "MESOS_CONTAINER_IP", addresses.front());
    // The agent's address is none of its own: it listens on all that it has.
    set_variable(plan.environment, "LIBPROCESS_IP", "0.0.0.0");
}

/// A container without networks of its own has those of the one it is nested in.
Result<void> NetworkCni::share(const Isolated& isolated, LaunchPlan& plan) const {
    const std::string directory =
        isolated.parent.empty() ? "" : cni::real_network_dir(isolated.parent);
    if (directory.empty()) return {};
    const std::string link = cni::network_dir(isolated.runtime_dir);
    if (::symlink(directory.c_str(), link.c_str()) != 0)
        return fail(Errc::io, "cannot make the link '{}': {}", link, errno_text());
    const auto networks = cni::read_networks(directory + "/" + cni::k_state_file);
    if (!networks)
        return fail(Errc::corrupt, "the networks of the container around it are not to be read");
    enter(directory, *networks, plan);
    return {};
}

Result<void> NetworkCni::prepare(const Isolated& isolated, const LaunchSpec& spec,
                                 LaunchPlan& plan) {
    if (!has_networks(spec)) return share(isolated, plan);
    ContainerNetworks networks = TEPUI_TRY(plan_networks(isolated, spec));
    const std::string directory = cni::network_dir(isolated.runtime_dir);
    if (::mkdir(directory.c_str(), 0700) != 0)
        return fail(Errc::io, "cannot make '{}': {}", directory, errno_text());
    TEPUI_CHECK_OK(cni::make_network_namespace(directory + "/" + cni::k_space_file));
    TEPUI_CHECK_OK(attach_all(isolated, directory, networks));
    TEPUI_CHECK_OK(write_files(directory, networks));
    if (!spec.hold) enter(directory, networks, plan);  // Nothing runs in a pod's own container.
    return {};
}

void NetworkCni::started(const Isolated& isolated, std::int64_t pid) {
    const std::string directory = cni::real_network_dir(isolated.runtime_dir);
    // One that shares a network would count its owner's traffic.
    if (directory != cni::network_dir(isolated.runtime_dir)) return;
    const std::string space = directory + "/" + cni::k_space_file;
    // Without it nothing can join the container any more; what runs in it goes on.
    if (pid > 0 && !cni::is_kept(space)) (void)cni::keep_again(pid, space);
    const std::lock_guard lock(mutex_);
    pids_.insert_or_assign(isolated.runtime_dir, pid);
}

void NetworkCni::usage(const Isolated& isolated, v1::ResourceStatistics& statistics) {
    if (!options_.metrics) return;
    std::int64_t pid = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto found = pids_.find(isolated.runtime_dir);
        if (found != pids_.end()) pid = found->second;
    }
    const std::string space = cni::network_dir(isolated.runtime_dir) + "/" + cni::k_space_file;
    if (pid <= 0 || !cni::is_in_namespace(pid, space)) return;
    const cni::Traffic traffic =
        cni::parse_traffic(cgroups::read_file(fmt::format("/proc/{}/net/dev", pid)));
    statistics.set_net_rx_bytes(traffic.rx_bytes);
    statistics.set_net_rx_packets(traffic.rx_packets);
    statistics.set_net_rx_errors(traffic.rx_errors);
    statistics.set_net_rx_dropped(traffic.rx_dropped);
    statistics.set_net_tx_bytes(traffic.tx_bytes);
    statistics.set_net_tx_packets(traffic.tx_packets);
    statistics.set_net_tx_errors(traffic.tx_errors);
    statistics.set_net_tx_dropped(traffic.tx_dropped);
}

void NetworkCni::status(const Isolated& isolated, v1::ContainerStatus& status) {
    const std::string directory = cni::real_network_dir(isolated.runtime_dir);
    if (directory.empty()) return;
    const auto networks = cni::read_networks(directory + "/" + cni::k_state_file);
    if (!networks) return;
    for (const Attachment& attachment : networks->attachments) {
        const Result<CniResult> result = cni::parse_result(attachment.result);
        if (result) *status.add_network_infos() = cni::told_network(attachment.info, *result);
    }
}

Result<void> NetworkCni::detach_all(const ContainerNetworks& networks,
                                    const std::string& space) const {
    Result<void> first;
    for (const Attachment& attachment : std::ranges::reverse_view(networks.attachments)) {
        if (!attachment.begun) continue;
        const Result<void> detached = plugins_.detach(attachment, networks.container, space);
        if (!detached && first) first = detached;
    }
    return first;
}

Result<void> NetworkCni::cleanup(const Isolated& isolated) {
    {
        const std::lock_guard lock(mutex_);
        pids_.erase(isolated.runtime_dir);
    }
    const std::string directory = cni::network_dir(isolated.runtime_dir);
    if (cni::real_network_dir(isolated.runtime_dir) != directory) {
        ::unlink(directory.c_str());  // The network is another's, or there is none.
        return {};
    }
    const std::string space = directory + "/" + cni::k_space_file;
    const Descriptor held = TEPUI_TRY(cni::lock_networks(directory));
    const auto networks = cni::read_networks(directory + "/" + cni::k_state_file);
    Result<void> detached;
    if (networks) {
        const bool there = cni::is_kept(space);
        detached = detach_all(*networks, there ? space : "");
        // Another agent tries again, when this directory is gone.
        if (detached)
            leftovers_.drop(networks->container);
        else
            (void)(there ? leftovers_.keep(*networks, space) : leftovers_.keep(*networks));
    }
    TEPUI_CHECK_OK(cni::remove_network_namespace(space));
    std::error_code error;
    std::filesystem::remove_all(directory, error);
    if (error) return fail(Errc::io, "cannot remove '{}': {}", directory, error.message());
    return detached;
}

void NetworkCni::sweep(const std::vector<Isolated>& living) {
    std::set<std::string> kept;
    for (const Isolated& each : living) kept.insert(each.name);
    for (const ContainerNetworks& networks : leftovers_.all()) {
        if (kept.contains(networks.container)) continue;
        const std::string space = leftovers_.space_of(networks.container);
        if (detach_all(networks, cni::is_kept(space) ? space : ""))
            leftovers_.drop(networks.container);
    }
}

}  // namespace

bool has_networks(const LaunchSpec& spec) {
    return spec.info && spec.info->type() == v1::ContainerInfo::MESOS &&
           cni::has_networks(*spec.info);
}

Result<void> check_networks(const LaunchSpec& spec, const std::vector<std::string>& isolation) {
    if (!has_networks(spec) || std::ranges::find(isolation, "network/cni") != isolation.end())
        return {};
    return fail(Errc::unsupported,
                "The network '{}' needs the isolators filesystem/linux and network/cni in "
                "--isolation",
                named_networks(spec).front().name());
}

std::unique_ptr<Isolator> make_network_cni(const IsolatorContext& context) {
    return std::make_unique<NetworkCni>(context);
}

}  // namespace tepui::containerizer
