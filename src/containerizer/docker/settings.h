#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer::docker {

using Texts = std::vector<std::string>;
using TextMap = std::map<std::string, std::string>;
/// A value of a field that the Engine knows.
using Field = std::variant<bool, std::int64_t, std::string, Texts, TextMap>;
using Fields = std::map<std::string, Field>;

struct PortBinding {
    std::string container;  // "80/tcp"
    std::string ip;         // Of the host; empty: all.
    std::string host;       // Port of the host.
    bool operator==(const PortBinding&) const = default;
};

struct Ulimit {
    std::string name;
    std::int64_t soft = 0;
    std::int64_t hard = 0;
    bool operator==(const Ulimit&) const = default;
};

struct DeviceMapping {
    std::string host;
    std::string container;
    std::string permissions = "rwm";
    bool operator==(const DeviceMapping&) const = default;
};

/// A volume of a driver.
struct DriverVolume {
    std::string name;
    std::string target;
    bool read_only = false;
    std::string driver;  // Empty: the Engine's own.
    TextMap options;
    bool operator==(const DriverVolume&) const = default;
};

/// A container as the Engine is asked to make it. Fields have the Engine's names.
struct Settings {
    Fields config;  // Of the top level.
    Fields host;    // Of HostConfig.
    std::vector<PortBinding> ports;
    std::vector<Ulimit> ulimits;
    std::vector<DeviceMapping> devices;
    std::vector<DriverVolume> volumes;
    std::string log_driver;  // Empty: the Engine's default.
    TextMap log_options;
    Fields network;  // Of the endpoint in a network that is made by a user.
    std::string network_name;
};

/// The body of containers/create.
std::string encode_settings(const Settings& settings);

/// Takes over an option of `docker run` by its long name without dashes: "cap-add", "ulimit". Fails
/// with invalid_argument on a value that it can't have, and with unsupported on an option that is
/// unknown, or that would take the container out of the agent's hands; the text names it.
Result<void> apply_parameter(Settings& settings, const std::string& name, const std::string& value);

/// "512m", "1g", "1024": bytes. Fails with invalid_argument.
Result<std::int64_t> parse_size(const std::string& text);

}  // namespace tepui::containerizer::docker
