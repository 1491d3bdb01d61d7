#include "cli/run/container.h"

#include <charconv>
#include <functional>

#include <fmt/core.h>

namespace tepui::cli {

namespace {

namespace v1 = mesos::v1;

constexpr std::string_view k_port_need = "port ";

std::optional<std::uint32_t> parse_port(std::string_view text) {
    std::uint32_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535) {
        return std::nullopt;
    }
    return port;
}

Result<void> check_volume(std::string_view text) {
    const auto volume = parse_volume(text);
    if (!volume) return std::unexpected(volume.error());
    return {};
}

Result<void> check_publish(std::string_view text) {
    const auto mapping = parse_publish(text);
    if (!mapping) return std::unexpected(mapping.error());
    return {};
}

Result<void> check_time(std::string_view text, Duration least) {
    const auto duration = parse_duration(text);
    if (!duration) return std::unexpected(duration.error());
    if (*duration < least) {
        return fail(Errc::invalid_argument, "'{}' is not a time to wait", text);
    }
    return {};
}

Result<void> check_interval(std::string_view text) { return check_time(text, Duration(1)); }

/// As with `docker run`, there need not be one.
Result<void> check_grace(std::string_view text) { return check_time(text, Duration::zero()); }

Result<void> check_directory(std::string_view text) {
    if (text.starts_with('/')) return {};
    return fail(Errc::invalid_argument, "'{}' is no absolute path", text);
}

Result<void> check_retries(std::string_view text) {
    unsigned count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error == std::errc{} && end == text.data() + text.size() && count > 0) return {};
    return fail(Errc::invalid_argument, "'{}' is not a number of times", text);
}

double seconds(const Parsed& parsed, std::string_view flag) {
    const auto duration = parse_duration(parsed.value(flag));
    return duration ? std::chrono::duration<double>(*duration).count() : 0;
}

void read_health(const Parsed& parsed, RunSpec& spec) {
    if (!parsed.given("health-cmd")) return;
    v1::HealthCheck& check = spec.health_check.emplace();
    check.set_type(v1::HealthCheck::COMMAND);
    check.mutable_command()->set_value(parsed.value("health-cmd"));
    check.set_interval_seconds(seconds(parsed, "health-interval"));
    check.set_timeout_seconds(seconds(parsed, "health-timeout"));
    check.set_grace_period_seconds(seconds(parsed, "health-start-period"));
    check.set_delay_seconds(0);
    const std::string& retries = parsed.value("health-retries");
    unsigned count = 0;
    std::from_chars(retries.data(), retries.data() + retries.size(), count);
    check.set_consecutive_failures(count);
}

std::string quoted(std::string_view text) {
    std::string word = "'";
    for (const char c : text) {
        if (c == '\'') {
            word += "'\\''";
        } else {
            word += c;
        }
    }
    return word + "'";
}

/// A command has no directory of its own in Mesos: a shell goes there first.
Result<void> start_in(const std::string& directory, RunSpec& spec) {
    v1::CommandInfo& command = spec.command;
    std::string script = "cd " + quoted(directory) + " && ";
    if (!command.has_value()) {
        return fail(Errc::invalid_argument,
                    "--workdir needs a COMMAND: what the image runs begins where the image says");
    }
    if (command.shell()) {
        script += command.value();
    } else {
        script += "exec";
        for (const std::string& word : command.arguments()) script += " " + quoted(word);
    }
    command.clear_arguments();
    command.set_shell(true);
    command.set_value(script);
    return {};
}

}  // namespace

std::vector<Flag> container_flags() {
    std::vector<Flag> flags;
    const auto flag = [&](std::string name, std::string value_name, std::string fallback,
                          std::string help, std::function<Result<void>(std::string_view)> check,
                          FlagKind kind = FlagKind::value) -> Flag& {
        Flag item;
        item.group = "Container";
        item.name = std::move(name);
        item.value_name = std::move(value_name);
        item.fallback = std::move(fallback);
        item.help = std::move(help);
        item.check = std::move(check);
        item.kind = kind;
        return flags.emplace_back(std::move(item));
    };
    flag("image", "NAME", "",
         "Run in the root filesystem of this Docker image. Without a COMMAND, what the image says "
         "is run.",
         nullptr);
    flag("pull", "", "", "Ask the registry what the image's name means now, even if it is there.",
         nullptr, FlagKind::boolean);
    flag("network", "NAME", "host",
         "The container network to join: bridge, or one that the agents' operator configured; host "
         "is the machine's own.",
         nullptr);
    flag("volume", "SOURCE:TARGET[:ro]", "",
         "Mount a directory of the machine where the task runs.", check_volume, FlagKind::list)
        .letter = 'v';
    flag("publish", "HOST:CONTAINER[/udp]", "",
         "Lead a port of the machine to one of the container, in a --network that can. The port "
         "must be among those that agents offer.",
         check_publish, FlagKind::list)
        .letter = 'p';
    flag("workdir", "PATH", "", "Where the COMMAND begins; takes a shell in the image.",
         check_directory)
        .letter = 'w';
    flag("health-cmd", "COMMAND", "",
         "A shell command that tells by status 0 that the task is well. One that is not is killed.",
         nullptr);
    flag("health-interval", "DURATION", "10secs", "From one such check to the next.",
         check_interval);
    flag("health-timeout", "DURATION", "20secs", "How long one may take.", check_interval);
    flag("health-retries", "NUMBER", "3", "How many failures in a row are too many.",
         check_retries);
    flag("health-start-period", "DURATION", "10secs",
         "How long failures do not count after the start.", check_grace);
    return flags;
}

Result<v1::Volume> parse_volume(std::string_view text) {
    const std::string whole(text);
    v1::Volume volume;
    volume.set_mode(v1::Volume::RW);
    if (text.ends_with(":ro")) volume.set_mode(v1::Volume::RO);
    if (text.ends_with(":ro") || text.ends_with(":rw")) text.remove_suffix(3);
    const std::size_t colon = text.find(':');
    const std::string_view source = text.substr(0, colon);
    const std::string_view target =
        colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    if (!source.starts_with('/') || !target.starts_with('/') ||
        target.find(':') != std::string_view::npos) {
        return fail(Errc::invalid_argument,
                    "'{}' is not SOURCE:TARGET[:ro] with two absolute paths", whole);
    }
    volume.set_container_path(std::string(target));
    v1::Volume::Source& from = *volume.mutable_source();
    from.set_type(v1::Volume::Source::HOST_PATH);
    from.mutable_host_path()->set_path(std::string(source));
    return volume;
}

Result<v1::NetworkInfo::PortMapping> parse_publish(std::string_view text) {
    const std::string whole(text);
    v1::NetworkInfo::PortMapping mapping;
    mapping.set_protocol("tcp");
    if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
        mapping.set_protocol(std::string(text.substr(slash + 1)));
        text = text.substr(0, slash);
    }
    const std::size_t colon = text.find(':');
    const auto host = parse_port(text.substr(0, colon));
    const auto container =
        colon == std::string_view::npos ? std::nullopt : parse_port(text.substr(colon + 1));
    if (!host || !container || (mapping.protocol() != "tcp" && mapping.protocol() != "udp")) {
        return fail(Errc::invalid_argument, "'{}' is not HOST:CONTAINER[/tcp|/udp] with two ports",
                    whole);
    }
    mapping.set_host_port(*host);
    mapping.set_container_port(*container);
    return mapping;
}

std::string port_need(std::uint32_t port) { return fmt::format("{}{}", k_port_need, port); }

std::optional<std::uint32_t> needed_port(std::string_view name) {
    if (!name.starts_with(k_port_need)) return std::nullopt;
    return parse_port(name.substr(k_port_need.size()));
}

Result<void> read_container(const Parsed& parsed, RunSpec& spec) {
    const bool own_network = parsed.value("network") != "host";
    if (parsed.given("publish") && !own_network) {
        return fail(Errc::invalid_argument,
                    "--publish needs a network of the container's own, such as --network bridge: "
                    "in the machine's a task listens on the machine's ports");
    }
    if (parsed.given("workdir")) TEPUI_CHECK_OK(start_in(parsed.value("workdir"), spec));
    read_health(parsed, spec);
    if (!parsed.given("image") && !own_network && !parsed.given("volume")) return {};
    v1::ContainerInfo& container = spec.container.emplace();
    container.set_type(v1::ContainerInfo::MESOS);
    if (parsed.given("image")) {
        v1::Image& image = *container.mutable_mesos()->mutable_image();
        image.set_type(v1::Image::DOCKER);
        image.mutable_docker()->set_name(parsed.value("image"));
        if (parsed.enabled("pull")) image.set_cached(false);
    }
    for (const std::string& text : parsed.list("volume")) {
        *container.add_volumes() = TEPUI_TRY(parse_volume(text));
    }
    if (!own_network) return {};
    v1::NetworkInfo& network = *container.add_network_infos();
    network.set_name(parsed.value("network"));
    for (const std::string& text : parsed.list("publish")) {
        v1::NetworkInfo::PortMapping mapping = TEPUI_TRY(parse_publish(text));
        spec.needs.emplace_back(port_need(mapping.host_port()), Quantity::from_double(1));
        *network.add_port_mappings() = std::move(mapping);
    }
    return {};
}

}  // namespace tepui::cli
