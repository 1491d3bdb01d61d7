#include "containerizer/isolators/network_cni/network_config.h"

#include <arpa/inet.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "containerizer/isolators/network_cni/json.h"
#include "containerizer/network_options.h"

namespace tepui::containerizer::cni {
namespace {

namespace fs = std::filesystem;
namespace dom = simdjson::dom;

constexpr std::string_view k_port_mapper = "mesos-cni-port-mapper";
constexpr std::array<std::string_view, 6> k_versions{"0.1.0", "0.2.0", "0.3.0",
                                                     "0.3.1", "0.4.0", "1.0.0"};
constexpr std::string_view k_version_of_chains = "0.3.1";  // The first that knows of lists.
constexpr std::uintmax_t k_file_bytes_max = 1 << 20;

std::string text_at(dom::element object, std::string_view key) {
    std::string_view text;
    return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

Result<PluginConfig> read_plugin(dom::element json) {
    if (!json.is_object()) return fail(Errc::invalid_argument, "a plugin is no object");
    PluginConfig plugin;
    plugin.type = text_at(json, "type");
    if (!is_plain_name(plugin.type))
        return fail(Errc::invalid_argument,
                    "the 'type' of a plugin is missing or no program's name");
    plugin.json = simdjson::minify(json);
    dom::object capabilities;
    if (json["capabilities"].get(capabilities) == simdjson::SUCCESS) {
        for (const auto& field : capabilities) {
            bool wanted = false;
            if (field.value.get(wanted) == simdjson::SUCCESS && wanted)
                plugin.capabilities.emplace(field.key);
        }
    }
    return plugin;
}

/// The rules of a port mapper of Mesos, made by portmap.
Result<PluginConfig> portmap_of(dom::element mapper) {
    std::string exclude;
    dom::array devices;
    if (mapper["excludeDevices"].get(devices) == simdjson::SUCCESS) {
        // A rule of iptables can leave out one device.
        if (devices.size() > 1)
            return fail(Errc::invalid_argument, "'excludeDevices' names more than one device");
        for (const dom::element each : devices) {
            std::string_view device;
            if (each.get(device) != simdjson::SUCCESS)
                return fail(Errc::invalid_argument, "'excludeDevices' is not a list of names");
            exclude = fmt::format(R"(,"conditionsV4":["!","-i",{0}],"conditionsV6":["!","-i",{0}])",
                                  json_text(device));
        }
    }
    return PluginConfig{
        .type = "portmap",
        .json =
            R"({"type":"portmap","snat":true,"capabilities":{"portMappings":true})" + exclude + "}",
        .capabilities = {"portMappings"}};
}

Result<void> read_port_mapper(dom::element root, NetworkConfig& network) {
    dom::element delegate;
    if (root["delegate"].get(delegate) != simdjson::SUCCESS)
        return fail(Errc::invalid_argument, "the port mapper's 'delegate' is missing");
    PluginConfig plugin = TEPUI_TRY(read_plugin(delegate));
    if (plugin.type == k_port_mapper)
        return fail(Errc::invalid_argument, "a port mapper delegates to another one");
    network.plugins.push_back(std::move(plugin));
    network.plugins.push_back(TEPUI_TRY(portmap_of(root)));
    if (network.version < k_version_of_chains) network.version = k_version_of_chains;
    return {};
}

/// Of lists too: a link of ours in a chain would be none of its plugins.
Result<void> read_plugins(dom::element root, NetworkConfig& network) {
    dom::element list;
    if (root["plugins"].get(list) != simdjson::SUCCESS) {
        if (text_at(root, "type") == k_port_mapper) return read_port_mapper(root, network);
        network.plugins.push_back(TEPUI_TRY(read_plugin(root)));
        return {};
    }
    dom::array plugins;
    if (list.get(plugins) != simdjson::SUCCESS || plugins.size() == 0)
        return fail(Errc::invalid_argument, "'plugins' is not a list of plugins");
    for (const dom::element each : plugins) network.plugins.push_back(TEPUI_TRY(read_plugin(each)));
    return {};
}

Result<std::string> read_text(const fs::path& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return fail(Errc::io, "it is no file");
    if (fs::file_size(path, error) > k_file_bytes_max) return fail(Errc::too_large, "too large");
    std::ifstream file(path);
    if (!file) return fail(Errc::io, "it cannot be read");
    return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<NetworkConfig> read_network(const fs::path& path) {
    return parse_network(TEPUI_TRY(read_text(path)));
}

}  // namespace

bool NetworkConfig::has_capability(const std::string& name) const {
    return std::ranges::any_of(
        plugins, [&](const PluginConfig& plugin) { return plugin.capabilities.contains(name); });
}

bool is_plain_name(std::string_view name) {
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    if (name.empty() || name.size() > 255 || !is_letter(name.front())) return false;
    return std::ranges::all_of(
        name, [&](char c) { return is_letter(c) || c == '_' || c == '.' || c == '-'; });
}

Result<NetworkConfig> parse_network(std::string_view text) {
    dom::parser parser;
    dom::element root;
    if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS || !root.is_object())
        return fail(Errc::invalid_argument, "it is no JSON object");
    NetworkConfig network;
    network.name = text_at(root, "name");
    if (!is_plain_name(network.name))
        return fail(Errc::invalid_argument, "'name' is missing, or not made of letters and digits");
    network.version = text_at(root, "cniVersion");
    if (network.version.empty()) network.version = k_versions.front();
    if (std::ranges::find(k_versions, network.version) == k_versions.end())
        return fail(Errc::unsupported, "'cniVersion' is {}; known are 0.1.0 to {}", network.version,
                    k_versions.back());
    TEPUI_CHECK_OK(read_plugins(root, network));
    return network;
}

Result<NetworkConfig> NetworkCatalog::find(const std::string& name) const {
    const auto found = networks.find(name);
    if (found != networks.end()) return found->second;
    std::string known;
    for (const auto& [each, network] : networks) known += (known.empty() ? "" : ", ") + each;
    std::string text = fmt::format("there is no container network '{}' here; there are: {}", name,
                                   known.empty() ? "none" : known);
    for (const std::string& problem : problems) text += "; " + problem;
    return fail(Errc::not_found, "{}", text);
}

NetworkCatalog read_catalog(const std::string& directory) {
    NetworkCatalog catalog;
    if (directory.empty()) return catalog;
    std::vector<fs::path> paths;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
        paths.push_back(it->path());
    if (error)
        catalog.problems.push_back(fmt::format("cannot list '{}': {}", directory, error.message()));
    std::ranges::sort(paths);
    for (const fs::path& path : paths) {
        const std::string extension = path.extension().string();
        if (extension != ".conf" && extension != ".conflist" && extension != ".json") continue;
        Result<NetworkConfig> network = read_network(path);
        if (!network) {
            catalog.problems.push_back(
                fmt::format("'{}' is not taken: {}", path.string(), network.error().text));
            continue;
        }
        const std::string name = network->name;
        if (!catalog.networks.emplace(name, std::move(*network)).second)
            catalog.problems.push_back(fmt::format(
                "'{}' is not taken: another file has the name '{}'", path.string(), name));
    }
    return catalog;
}

std::string bridge_device(const std::string& subnet) {
    const std::size_t slash = subnet.find('/');
    in_addr address{};
    if (subnet == NetworkOptions{}.bridge_subnet || slash == std::string::npos ||
        ::inet_pton(AF_INET, subnet.substr(0, slash).c_str(), &address) != 1)
        return "tepui0";
    // An interface's name has at most 15 characters: these are all.
    return fmt::format("tepui{:08x}{}", ntohl(address.s_addr), subnet.substr(slash + 1));
}

NetworkConfig default_bridge(const BridgeNeeds& needs) {
    // Addresses are given out where they are forgotten with what has them, at a reboot.
    const std::string bridge = fmt::format(
        R"({{"type":"bridge","bridge":"{}","isGateway":true,"ipMasq":true,"hairpinMode":true,)"
        R"("ipam":{{"type":"host-local","dataDir":"/run/tepui/networks",)"
        R"("ranges":[[{{"subnet":{}}}]],"routes":[{{"dst":"0.0.0.0/0"}}]}}}})",
        bridge_device(needs.subnet), json_text(needs.subnet));
    NetworkConfig network{.name = "bridge", .version = "1.0.0", .plugins = {}};
    network.plugins.push_back({"bridge", bridge, {}});
    if (needs.firewall) network.plugins.push_back({"firewall", R"({"type":"firewall"})", {}});
    if (needs.ports)
        network.plugins.push_back(
            {"portmap",
             R"({"type":"portmap","snat":true,"capabilities":{"portMappings":true}})",
             {"portMappings"}});
    if (needs.bandwidth)
        network.plugins.push_back({"bandwidth",
                                   R"({"type":"bandwidth","capabilities":{"bandwidth":true}})",
                                   {"bandwidth"}});
    return network;
}

}  // namespace tepui::containerizer::cni
