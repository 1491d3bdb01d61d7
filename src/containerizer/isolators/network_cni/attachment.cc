#include "containerizer/isolators/network_cni/attachment.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "containerizer/isolators/network_cni/json.h"
#include "wire/json.h"
#include "wire/json_writer.h"

namespace tepui::containerizer::cni {
namespace {

namespace v1 = mesos::v1;
namespace dom = simdjson::dom;

// Ask for what has no field of its own in NetworkInfo.
constexpr std::string_view k_ingress_label = "bandwidth_ingress";
constexpr std::string_view k_egress_label = "bandwidth_egress";
constexpr std::string_view k_mac_label = "mac_address";

constexpr std::uint64_t k_burst_bits_min = 100'000;  // Some packets.
constexpr std::uint64_t k_burst_bits_max = 4'294'967'295;
constexpr std::uint64_t k_burst_divisor = 10;  // A tenth of a second at full speed.

std::string label_of(const v1::NetworkInfo& info, std::string_view key) {
    for (const v1::Label& label : info.labels().labels())
        if (label.key() == key) return label.value();
    return {};
}

Result<std::uint64_t> parse_rate(std::string_view key, const std::string& text) {
    if (text.empty()) return std::uint64_t{0};
    std::uint64_t rate = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
    const std::string_view unit(end, text.data() + text.size());
    const std::uint64_t factor = unit.empty()  ? 1
                                 : unit == "K" ? 1'000
                                 : unit == "M" ? 1'000'000
                                 : unit == "G" ? 1'000'000'000
                                               : 0;
    constexpr std::uint64_t rate_max = 1'000'000'000'000'000;
    if (error != std::errc{} || factor == 0 || rate == 0 || rate > rate_max / factor)
        return fail(Errc::invalid_argument,
                    "the label '{}' is '{}': give bits per second, such as 10M", key, text);
    return rate * factor;
}

std::string protocol_of(const v1::NetworkInfo::PortMapping& mapping) {
    std::string protocol = mapping.has_protocol() ? mapping.protocol() : "tcp";
    std::ranges::transform(protocol, protocol.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return protocol;
}

bool is_given(const Resources& resources, std::uint32_t port) {
    for (const v1::Resource& resource : resources) {
        if (resource.name() != "ports") continue;
        for (const v1::Value::Range& range : resource.ranges().range())
            if (range.begin() <= port && port <= range.end()) return true;
    }
    return false;
}

std::string port_mappings(const v1::NetworkInfo& info) {
    std::string text;
    wire::JsonWriter json(text);
    json.begin_array();
    for (const auto& mapping : info.port_mappings()) {
        json.begin_object().key("hostPort").value(mapping.host_port());
        json.key("containerPort").value(mapping.container_port());
        json.key("protocol").value(protocol_of(mapping)).end_object();
    }
    json.end_array();
    return text;
}

std::string bandwidth_json(const Bandwidth& bandwidth) {
    std::string text;
    wire::JsonWriter json(text);
    const auto add = [&](const char* rate, const char* burst, std::uint64_t value) {
        if (value == 0) return;
        json.key(rate).value(value);
        json.key(burst).value(
            std::clamp(value / k_burst_divisor, k_burst_bits_min, k_burst_bits_max));
    };
    json.begin_object();
    add("ingressRate", "ingressBurst", bandwidth.ingress);
    add("egressRate", "egressBurst", bandwidth.egress);
    json.end_object();
    return text;
}

void add_texts(wire::JsonWriter& json, const char* key, const std::vector<std::string>& texts) {
    json.key(key).begin_array();
    for (const std::string& text : texts) json.value(text);
    json.end_array();
}

std::string dns_json(const DnsOptions& dns) {
    std::string text;
    wire::JsonWriter json(text);
    json.begin_object();
    add_texts(json, "servers", dns.nameservers);
    add_texts(json, "searches", dns.search);
    add_texts(json, "options", dns.options);
    json.end_object();
    return text;
}

std::vector<std::string> wanted_addresses(const v1::NetworkInfo& info) {
    std::vector<std::string> addresses;
    for (const auto& ip : info.ip_addresses())
        if (ip.has_ip_address()) addresses.push_back(ip.ip_address());
    return addresses;
}

std::string list_json(const std::vector<std::string>& texts) {
    std::string text;
    wire::JsonWriter json(text);
    json.begin_array();
    for (const std::string& each : texts) json.value(each);
    json.end_array();
    return text;
}

/// Everything that a plugin may be told, by the names of the conventions of CNI.
Result<std::vector<JsonField>> wishes_of(const v1::NetworkInfo& info, const DnsOptions* dns) {
    std::vector<JsonField> wishes;
    if (!info.port_mappings().empty()) wishes.emplace_back("portMappings", port_mappings(info));
    const Bandwidth bandwidth = TEPUI_TRY(bandwidth_of(info));
    if (bandwidth.any()) wishes.emplace_back("bandwidth", bandwidth_json(bandwidth));
    const std::vector<std::string> addresses = wanted_addresses(info);
    if (!addresses.empty()) wishes.emplace_back("ips", list_json(addresses));
    const std::string mac = label_of(info, k_mac_label);
    if (!mac.empty()) wishes.emplace_back("mac", json_text(mac));
    if (dns != nullptr) wishes.emplace_back("dns", dns_json(*dns));
    return wishes;
}

/// What was asked for has to be done by somebody.
Result<void> check_wishes(const NetworkConfig& network, const std::vector<JsonField>& wishes) {
    for (const auto& [name, value] : wishes) {
        // Addresses are asked for by CNI_ARGS too, and DNS is our own work.
        if (name == "ips" || name == "dns" || network.has_capability(name)) continue;
        return fail(Errc::invalid_argument,
                    "no plugin of the network '{}' has the capability '{}': add the plugin {} to "
                    "its configuration",
                    network.name, name,
                    name == "portMappings" ? "portmap"
                    : name == "bandwidth"  ? "bandwidth"
                                           : "tuning");
    }
    return {};
}

/// Where plugins of Mesos look for what the framework said.
Result<std::string> mesos_arguments(const PluginConfig& plugin, const v1::NetworkInfo& info) {
    dom::parser parser;
    dom::element root;
    dom::object own;
    std::string arguments = "{}";
    if (parser.parse(plugin.json).get(root) == simdjson::SUCCESS &&
        root["args"].get(own) == simdjson::SUCCESS)
        arguments = simdjson::minify(own);
    return with_fields(arguments, {{"org.apache.mesos", fmt::format(R"({{"network_info":{}}})",
                                                                    wire::message_to_json(info))}});
}

Result<std::string> plugin_config(const NetworkConfig& network, const PluginConfig& plugin,
                                  const v1::NetworkInfo& info,
                                  const std::vector<JsonField>& wishes) {
    std::vector<JsonField> told;
    for (const JsonField& wish : wishes)
        if (plugin.capabilities.contains(wish.first)) told.push_back(wish);
    std::vector<JsonField> fields{{"cniVersion", json_text(network.version)},
                                  {"name", json_text(network.name)}};
    fields.emplace_back("args", TEPUI_TRY(mesos_arguments(plugin, info)));
    if (!told.empty()) fields.emplace_back("runtimeConfig", TEPUI_TRY(with_fields("{}", told)));
    return with_fields(plugin.json, fields);
}

std::string text_at(dom::element object, std::string_view key) {
    std::string_view text;
    return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

void encode(const Attachment& attachment, wire::JsonWriter& json) {
    json.begin_object().key("info").message(attachment.info);
    json.key("interface").value(attachment.interface).key("version").value(attachment.version);
    json.key("arguments").value(attachment.arguments).key("begun").value(attachment.begun);
    json.key("plugins").begin_array();
    for (const PluginPlan& plugin : attachment.plugins)
        json.begin_object()
            .key("type")
            .value(plugin.type)
            .key("config")
            .raw(plugin.config)
            .end_object();
    json.end_array();
    if (!attachment.result.empty()) json.key("result").raw(attachment.result);
    json.end_object();
}

Result<Attachment> decode(dom::element json) {
    Attachment attachment;
    dom::element info;
    dom::array plugins;
    if (json["info"].get(info) != simdjson::SUCCESS ||
        json["plugins"].get(plugins) != simdjson::SUCCESS)
        return fail(Errc::corrupt, "a network of it has no 'info' or no 'plugins'");
    TEPUI_CHECK_OK(wire::json_to_message(std::string(simdjson::minify(info)), attachment.info));
    attachment.interface = text_at(json, "interface");
    attachment.version = text_at(json, "version");
    attachment.arguments = text_at(json, "arguments");
    attachment.begun = true;  // Not to know is to have begun.
    (void)json["begun"].get(attachment.begun);
    for (const dom::element each : plugins) {
        dom::element config;
        if (each["config"].get(config) != simdjson::SUCCESS)
            return fail(Errc::corrupt, "a plugin of it has no 'config'");
        attachment.plugins.push_back({text_at(each, "type"), simdjson::minify(config)});
    }
    dom::element result;
    if (json["result"].get(result) == simdjson::SUCCESS)
        attachment.result = simdjson::minify(result);
    return attachment;
}

}  // namespace

bool has_networks(const v1::ContainerInfo& info) {
    return std::ranges::any_of(info.network_infos(),
                               [](const v1::NetworkInfo& network) { return network.has_name(); });
}

Result<Bandwidth> bandwidth_of(const v1::NetworkInfo& info) {
    return Bandwidth{TEPUI_TRY(parse_rate(k_ingress_label, label_of(info, k_ingress_label))),
                     TEPUI_TRY(parse_rate(k_egress_label, label_of(info, k_egress_label)))};
}

Result<void> check_ports(const v1::ContainerInfo& info, const Resources& resources) {
    std::set<std::pair<std::uint32_t, std::string>> taken;
    for (const v1::NetworkInfo& network : info.network_infos()) {
        for (const auto& mapping : network.port_mappings()) {
            const std::uint32_t port = mapping.host_port();
            const std::string protocol = protocol_of(mapping);
            if (protocol != "tcp" && protocol != "udp" && protocol != "sctp")
                return fail(Errc::invalid_argument, "the protocol '{}' of port {} is not known",
                            protocol, port);
            if (port == 0 || port > 0xffff || mapping.container_port() == 0 ||
                mapping.container_port() > 0xffff)
                return fail(Errc::invalid_argument, "{}:{} is not a pair of ports", port,
                            mapping.container_port());
            if (!is_given(resources, port))
                return fail(Errc::invalid_argument,
                            "port {} of the host is not among the 'ports' that the task was given",
                            port);
            if (!taken.emplace(port, protocol).second)
                return fail(Errc::invalid_argument, "port {} of the host is mapped twice", port);
        }
    }
    return {};
}

Result<Attachment> plan_attachment(const NetworkConfig& network, const v1::NetworkInfo& info,
                                   std::size_t index, const DnsOptions* dns) {
    Attachment attachment{.info = info,
                          .interface = fmt::format("eth{}", index),
                          .version = network.version,
                          .plugins = {},
                          .arguments = "IgnoreUnknown=1",
                          .result = {}};
    const std::vector<JsonField> wishes = TEPUI_TRY(wishes_of(info, dns));
    TEPUI_CHECK_OK(check_wishes(network, wishes));
    const std::vector<std::string> addresses = wanted_addresses(info);
    if (addresses.size() > 1 && !network.has_capability("ips"))
        return fail(Errc::invalid_argument,
                    "no plugin of the network '{}' has the capability 'ips', which several "
                    "addresses of one's own need",
                    network.name);
    if (!addresses.empty() && !network.has_capability("ips")) {
        if (addresses.front().find_first_of(";=\n") != std::string::npos)
            return fail(Errc::invalid_argument, "'{}' is no address", addresses.front());
        attachment.arguments += ";IP=" + addresses.front();
    }
    for (const PluginConfig& plugin : network.plugins)
        attachment.plugins.push_back(
            {plugin.type, TEPUI_TRY(plugin_config(network, plugin, info, wishes))});
    return attachment;
}

Result<std::string> plugin_input(const PluginPlan& plugin, const std::string& previous) {
    if (previous.empty()) return plugin.config;
    return with_fields(plugin.config, {{"prevResult", previous}});
}

std::string encode(const ContainerNetworks& networks) {
    std::string text;
    wire::JsonWriter json(text);
    json.begin_object().key("container").value(networks.container);
    json.key("hostname").value(networks.hostname).key("networks").begin_array();
    for (const Attachment& attachment : networks.attachments) encode(attachment, json);
    json.end_array().end_object();
    return text + "\n";
}

Result<ContainerNetworks> decode(std::string_view text) {
    dom::parser parser;
    dom::element root;
    dom::array list;
    if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS ||
        root["networks"].get(list) != simdjson::SUCCESS)
        return fail(Errc::corrupt, "it is no list of networks");
    ContainerNetworks networks{text_at(root, "container"), text_at(root, "hostname"), {}};
    for (const dom::element each : list) networks.attachments.push_back(TEPUI_TRY(decode(each)));
    return networks;
}

}  // namespace tepui::containerizer::cni
