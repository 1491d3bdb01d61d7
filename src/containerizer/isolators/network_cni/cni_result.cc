#include "containerizer/isolators/network_cni/cni_result.h"

#include <arpa/inet.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>

namespace tepui::containerizer::cni {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t k_text_max = 1'000;  // Of what a plugin wrote, in a message.

std::string text_at(dom::element object, std::string_view key) {
    std::string_view text;
    return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

Result<CniResult::Address> parse_address(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string ip(text.substr(0, slash));
    const std::string_view bits = slash == std::string_view::npos ? "" : text.substr(slash + 1);
    in6_addr address{};
    const bool ipv6 = ::inet_pton(AF_INET6, ip.c_str(), &address) == 1;
    const bool ipv4 = ::inet_pton(AF_INET, ip.c_str(), &address) == 1;
    unsigned prefix = 0;
    const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), prefix);
    const bool whole = !bits.empty() && error == std::errc{} && end == bits.data() + bits.size();
    if ((!ipv4 && !ipv6) || !whole || prefix > (ipv6 ? 128U : 32U))
        return fail(Errc::corrupt, "'{}' is no address with its prefix", text);
    return CniResult::Address{ip, ipv6};
}

/// Whether the interface that an address names is the container's.
Result<bool> is_inside(dom::element root, dom::element ip) {
    std::int64_t index = 0;
    dom::element given;
    if (ip["interface"].get(given) != simdjson::SUCCESS || given.is_null()) return true;
    dom::array interfaces;
    dom::element interface;
    if (given.get(index) != simdjson::SUCCESS || index < 0 ||
        root["interfaces"].get(interfaces) != simdjson::SUCCESS ||
        interfaces.at(static_cast<std::size_t>(index)).get(interface) != simdjson::SUCCESS)
        return fail(Errc::corrupt, "an address names an interface that is not in the result");
    return !text_at(interface, "sandbox").empty();
}

Result<void> read_addresses(dom::element root, CniResult& result) {
    for (const char* key : {"ip4", "ip6"}) {  // Before 0.3.0.
        dom::element ip;
        if (root[key].get(ip) != simdjson::SUCCESS || ip.is_null()) continue;
        result.addresses.push_back(TEPUI_TRY(parse_address(text_at(ip, "ip"))));
    }
    dom::element list;
    if (root["ips"].get(list) != simdjson::SUCCESS || list.is_null()) return {};
    dom::array ips;
    if (list.get(ips) != simdjson::SUCCESS) return fail(Errc::corrupt, "'ips' is no list");
    for (const dom::element ip : ips) {
        const CniResult::Address address = TEPUI_TRY(parse_address(text_at(ip, "address")));
        if (TEPUI_TRY(is_inside(root, ip))) result.addresses.push_back(address);
    }
    return {};
}

std::vector<std::string> texts_at(dom::element object, std::string_view key) {
    std::vector<std::string> texts;
    dom::array list;
    if (object[key].get(list) != simdjson::SUCCESS) return texts;
    for (const dom::element each : list) {
        std::string_view text;
        if (each.get(text) == simdjson::SUCCESS) texts.emplace_back(text);
    }
    return texts;
}

std::string shortened(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    return std::string(text.substr(0, k_text_max)) + (text.size() > k_text_max ? "..." : "");
}

}  // namespace

Result<CniResult> parse_result(std::string_view output) {
    dom::parser parser;
    dom::element root;
    if (parser.parse(output.data(), output.size()).get(root) != simdjson::SUCCESS ||
        !root.is_object())
        return fail(Errc::corrupt, "it is no JSON object");
    CniResult result;
    result.json = simdjson::minify(root);
    TEPUI_CHECK_OK(read_addresses(root, result));
    dom::element dns;
    if (root["dns"].get(dns) == simdjson::SUCCESS && dns.is_object())
        result.dns = {texts_at(dns, "nameservers"), text_at(dns, "domain"), texts_at(dns, "search"),
                      texts_at(dns, "options")};
    return result;
}

std::string plugin_error(std::string_view output, std::string_view errors) {
    dom::parser parser;
    dom::element root;
    std::string text;
    if (parser.parse(output.data(), output.size()).get(root) == simdjson::SUCCESS &&
        root.is_object()) {
        text = text_at(root, "msg");
        const std::string details = text_at(root, "details");
        if (!details.empty()) text += (text.empty() ? "" : ": ") + details;
    }
    if (text.empty()) text = output;
    if (!errors.empty()) text += (text.empty() ? "" : "; ") + std::string(errors);
    return text.empty() ? "it said nothing" : shortened(text);
}

mesos::v1::NetworkInfo told_network(const mesos::v1::NetworkInfo& info, const CniResult& result) {
    mesos::v1::NetworkInfo told = info;
    told.clear_ip_addresses();
    for (const CniResult::Address& address : result.addresses) {
        auto& ip = *told.add_ip_addresses();
        ip.set_protocol(address.ipv6 ? mesos::v1::NetworkInfo::IPv6 : mesos::v1::NetworkInfo::IPv4);
        ip.set_ip_address(address.ip);
    }
    return told;
}

}  // namespace tepui::containerizer::cni
