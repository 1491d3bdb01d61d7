#include "containerizer/images/image_name.h"

#include <algorithm>
#include <cctype>

namespace tepui::containerizer::images {
namespace {

constexpr std::size_t k_name_bytes_max = 255;  // Registries allow no longer repository.
constexpr std::size_t k_tag_bytes_max = 128;
constexpr std::string_view k_hub = "docker.io";

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_letter_or_digit(char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

/// Letters and digits, with ".", "_", "__" or dashes between them.
bool is_repository_part(std::string_view part) {
    if (part.empty() || !is_lower_or_digit(part.front()) || !is_lower_or_digit(part.back()))
        return false;
    for (std::size_t i = 0; i < part.size(); ++i) {
        if (is_lower_or_digit(part[i]) || part[i] == '-') continue;
        if (part[i] != '.' && part[i] != '_') return false;
        const std::size_t begin = i;
        while (!is_lower_or_digit(part[i + 1])) ++i;  // It ends with one.
        const std::string_view between = part.substr(begin, i + 1 - begin);
        if (between != "." && between != "_" && between != "__") return false;
    }
    return true;
}

bool is_tag(std::string_view tag) {
    if (tag.empty() || tag.size() > k_tag_bytes_max) return false;
    if (!is_letter_or_digit(tag.front()) && tag.front() != '_') return false;
    return std::ranges::all_of(
        tag, [](char c) { return is_letter_or_digit(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_port(std::string_view port) {
    if (port.empty() || port.size() > 5) return false;
    int number = 0;
    for (const char c : port) {
        if (c < '0' || c > '9') return false;
        number = number * 10 + (c - '0');
    }
    return number >= 1 && number <= 65535;
}

/// A host name or address, an IPv6 one in brackets, and perhaps a port.
bool is_host(std::string_view text) {
    std::string_view host = text;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos || end < 3) return false;
        const std::string_view rest = text.substr(end + 1);
        if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return false;
        return std::ranges::all_of(text.substr(1, end - 1), [](char c) {
            return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == ':' || c == '.';
        });
    }
    if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
        if (!is_port(text.substr(colon + 1))) return false;
        host = text.substr(0, colon);
    }
    if (host.empty() || host.size() > 253 || !is_letter_or_digit(host.front()) ||
        !is_letter_or_digit(host.back()))
        return false;
    return std::ranges::all_of(
        host, [](char c) { return is_letter_or_digit(c) || c == '.' || c == '-'; });
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::string hub_as_one(std::string host) {
    if (host == "index.docker.io" || host == "registry-1.docker.io" ||
        host == "registry.hub.docker.com")
        return std::string(k_hub);
    return host;
}

bool looks_like_host(std::string_view part) {
    return part == "localhost" || part.find_first_of(".:[") != std::string_view::npos;
}

}  // namespace

bool is_digest(std::string_view text) {
    constexpr std::string_view algorithm = "sha256:";
    if (!text.starts_with(algorithm) || text.size() != algorithm.size() + 64) return false;
    return std::ranges::all_of(text.substr(algorithm.size()), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
}

Result<DefaultRegistry> parse_registry(std::string_view flag) {
    DefaultRegistry registry;
    std::string_view rest = flag;
    if (rest.starts_with("file://")) rest.remove_prefix(7);
    if (rest.starts_with('/')) {
        registry.host.clear();
        registry.directory = rest;
        while (registry.directory.size() > 1 && registry.directory.back() == '/')
            registry.directory.pop_back();
        return registry;
    }
    for (const std::string_view scheme : {"https", "http"}) {
        const std::string prefix = std::string(scheme) + "://";
        if (!rest.starts_with(prefix)) continue;
        registry.scheme = scheme;
        rest.remove_prefix(prefix.size());
    }
    while (rest.ends_with('/')) rest.remove_suffix(1);
    if (!is_host(rest))
        return fail(Errc::invalid_argument,
                    "'{}' is neither a registry (https://host[:port]) nor the absolute path of a "
                    "directory",
                    flag);
    registry.host = hub_as_one(lower(rest));
    return registry;
}

Result<ImageName> parse_image_name(std::string_view text, const DefaultRegistry& defaults) {
    const auto bad = [&](std::string_view why) {
        return fail(Errc::invalid_argument, "'{}' is not the name of an image: {}", text, why);
    };
    ImageName name;
    std::string_view rest = text;
    if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
        name.digest = rest.substr(at + 1);
        if (!is_digest(name.digest)) return bad("its digest is not sha256: and 64 hex digits");
        rest = rest.substr(0, at);
    }
    const std::size_t slash = rest.find('/');
    name.registry = defaults.host;
    if (slash != std::string_view::npos && looks_like_host(rest.substr(0, slash))) {
        if (!is_host(rest.substr(0, slash))) return bad("its registry is no host");
        name.registry = hub_as_one(lower(rest.substr(0, slash)));
        rest = rest.substr(slash + 1);
    }
    const std::size_t colon = rest.find(':', rest.rfind('/') + 1);
    if (colon != std::string_view::npos) {
        name.tag = rest.substr(colon + 1);
        if (!is_tag(name.tag)) return bad("its tag is not letters, digits, '_', '.' and '-'");
        rest = rest.substr(0, colon);
    }
    if (rest.empty()) return bad("its repository is empty");
    for (std::size_t begin = 0; begin <= rest.size();) {
        const std::size_t end = std::min(rest.find('/', begin), rest.size());
        if (!is_repository_part(rest.substr(begin, end - begin)))
            return bad(
                "its repository must be lower-case letters and digits, with '.', '_' or "
                "'-' between them");
        begin = end + 1;
    }
    name.repository = rest;
    if (name.registry == k_hub && rest.find('/') == std::string_view::npos)
        name.repository.insert(0, "library/");
    if (name.repository.size() > k_name_bytes_max)
        return bad("its repository is longer than 255 bytes");
    if (name.tag.empty() && name.digest.empty()) name.tag = "latest";
    return name;
}

std::string canonical(const ImageName& name) {
    std::string text =
        name.registry.empty() ? name.repository : name.registry + "/" + name.repository;
    return text + (name.digest.empty() ? ":" + name.tag : "@" + name.digest);
}

}  // namespace tepui::containerizer::images
