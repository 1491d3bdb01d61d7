#include "containerizer/isolators/network_cni/network_files.h"

#include <arpa/inet.h>
#include <simdjson.h>

#include <algorithm>
#include <sstream>

namespace tepui::containerizer::cni {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t k_hostname_max = 64;  // The kernel's.

bool is_hostname(std::string_view name) {
    if (name.empty() || name.front() == '-' || name.front() == '.') return false;
    return std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    });
}

bool is_address(const std::string& text) {
    in6_addr address{};
    return ::inet_pton(AF_INET, text.c_str(), &address) == 1 ||
           ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

/// One word of a resolv.conf: what comes from outside adds no lines.
bool is_word(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

Result<std::vector<std::string>> words_at(dom::element object, std::string_view key) {
    std::vector<std::string> words;
    dom::element value;
    if (object[key].get(value) != simdjson::SUCCESS) return words;
    dom::array list;
    if (value.get(list) != simdjson::SUCCESS)
        return fail(Errc::invalid_argument, "'{}' is no list", key);
    for (const dom::element each : list) {
        std::string_view word;
        if (each.get(word) != simdjson::SUCCESS || !is_word(word))
            return fail(Errc::invalid_argument, "'{}' has an entry that is no word", key);
        words.emplace_back(word);
    }
    return words;
}

Result<DnsOptions> read_dns(dom::element json) {
    DnsOptions dns;
    dns.nameservers = TEPUI_TRY(words_at(json, "nameservers"));
    for (const std::string& server : dns.nameservers)
        if (!is_address(server))
            return fail(Errc::invalid_argument, "the nameserver '{}' is no address", server);
    dns.search = TEPUI_TRY(words_at(json, "search"));
    dns.options = TEPUI_TRY(words_at(json, "options"));
    std::string_view domain;
    if (json["domain"].get(domain) == simdjson::SUCCESS) {
        if (!is_word(domain)) return fail(Errc::invalid_argument, "'domain' is no word");
        dns.domain = domain;
    }
    return dns;
}

/// What entries of both kinds have; `name` is that of the network.
Result<DnsOptions> read_entry(dom::element json, std::optional<std::string>& name) {
    std::string_view text;
    if (json["network_name"].get(text) == simdjson::SUCCESS) name = text;
    dom::element dns;
    if (json["dns"].get(dns) != simdjson::SUCCESS || !dns.is_object())
        return fail(Errc::invalid_argument, "an entry has no 'dns'");
    return read_dns(dns);
}

std::string_view mode_of(dom::element json) {
    std::string_view mode;
    return json["network_mode"].get(mode) == simdjson::SUCCESS ? mode : std::string_view();
}

Result<NetworkDns> read_mesos(dom::element json) {
    if (mode_of(json) != "CNI")
        return fail(Errc::invalid_argument,
                    "the 'network_mode' of an entry of \"mesos\" can only be CNI");
    NetworkDns entry;
    entry.dns = TEPUI_TRY(read_entry(json, entry.network));
    return entry;
}

Result<DockerNetworkDns> read_docker(dom::element json) {
    const std::string_view mode = mode_of(json);
    DockerNetworkDns entry;
    entry.mode = mode == "BRIDGE" ? "bridge" : mode == "HOST" ? "host" : "user";
    if (entry.mode == "user" && mode != "USER")
        return fail(Errc::invalid_argument,
                    "the 'network_mode' of an entry of \"docker\" is BRIDGE, HOST or USER");
    entry.dns = TEPUI_TRY(read_entry(json, entry.network));
    return entry;
}

/// The list at `key`, each entry of which `read` takes; `same` tells whether two are for one
/// network.
template <typename Entry, typename Read, typename Same>
Result<std::vector<Entry>> read_list(dom::element root, const char* key, Read read, Same same) {
    std::vector<Entry> entries;
    dom::element given;
    if (root[key].get(given) != simdjson::SUCCESS) return entries;
    dom::array list;
    if (given.get(list) != simdjson::SUCCESS)
        return fail(Errc::invalid_argument, "\"{}\" is no list", key);
    for (const dom::element each : list) {
        Entry entry = TEPUI_TRY(read(each));
        if (std::ranges::any_of(entries, [&](const Entry& one) { return same(one, entry); }))
            return fail(Errc::invalid_argument, "two entries of \"{}\" are for the same network",
                        key);
        entries.push_back(std::move(entry));
    }
    return entries;
}

}  // namespace

std::string resolv_conf(const DnsOptions& dns) {
    std::string text;
    const auto add = [&](const char* key, const std::vector<std::string>& words) {
        if (words.empty()) return;
        text += key;
        for (const std::string& word : words) text += " " + word;
        text += "\n";
    };
    if (!dns.domain.empty()) text += "domain " + dns.domain + "\n";
    add("search", dns.search);
    add("options", dns.options);
    for (const std::string& server : dns.nameservers) text += "nameserver " + server + "\n";
    return text;
}

std::string without_loopback(std::string_view resolv_conf) {
    std::string text;
    std::istringstream lines{std::string(resolv_conf)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key;
        std::string value;
        words >> key >> value;
        if (key == "nameserver" && (value.starts_with("127.") || value == "::1")) continue;
        text += line + "\n";
    }
    return text;
}

std::string hosts_file(const std::string& hostname, const std::vector<std::string>& addresses) {
    std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
    for (const std::string& address : addresses) text += address + " " + hostname + "\n";
    if (addresses.empty()) text += "127.0.0.1 " + hostname + "\n";
    return text;
}

Result<std::string> choose_hostname(const std::string& asked, std::string_view container_id) {
    if (asked.empty()) {
        std::string name(container_id.substr(0, k_hostname_max));
        std::ranges::replace_if(name, [](char c) { return !is_hostname({&c, 1}); }, '-');
        return is_hostname(name) ? name : "container";
    }
    if (asked.size() > k_hostname_max || !is_hostname(asked))
        return fail(Errc::invalid_argument,
                    "'{}' is no host's name: at most {} letters, digits, '-' and '.'", asked,
                    k_hostname_max);
    return asked;
}

const DnsOptions* find_dns(const std::vector<NetworkDns>& dns, const std::string& network) {
    const DnsOptions* general = nullptr;
    for (const NetworkDns& entry : dns) {
        if (!entry.network) general = &entry.dns;
        if (entry.network == network) return &entry.dns;
    }
    return general;
}

const DnsOptions* find_dns(const std::vector<DockerNetworkDns>& dns, std::string_view mode,
                           const std::string& network) {
    const DnsOptions* general = nullptr;
    for (const DockerNetworkDns& entry : dns) {
        if (entry.mode != mode) continue;
        if (!entry.network) general = &entry.dns;
        if (entry.network == network) return &entry.dns;
    }
    return general;
}

Result<DefaultDns> parse_default_dns(std::string_view json) {
    dom::parser parser;
    dom::element root;
    if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || !root.is_object())
        return fail(Errc::invalid_argument, "it is no JSON object");
    DefaultDns dns;
    dns.mesos = TEPUI_TRY(read_list<NetworkDns>(root, "mesos", read_mesos,
                                                [](const NetworkDns& one, const NetworkDns& other) {
                                                    return one.network == other.network;
                                                }));
    dns.docker = TEPUI_TRY(read_list<DockerNetworkDns>(
        root, "docker", read_docker,
        [](const DockerNetworkDns& one, const DockerNetworkDns& other) {
            return one.mode == other.mode && one.network == other.network;
        }));
    if (dns == DefaultDns{})
        return fail(Errc::invalid_argument, "there is no \"mesos\" and no \"docker\" in it");
    return dns;
}

}  // namespace tepui::containerizer::cni
