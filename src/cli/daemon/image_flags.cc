#include "cli/daemon/image_flags.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "cli/cluster/names.h"
#include "cli/daemon/daemon.h"
#include "cli/flags/checks.h"
#include "containerizer/images/docker_config.h"
#include "containerizer/images/prune_plan.h"

namespace tepui::cli {
namespace {

Result<void> check_providers(std::string_view text) {
    while (!text.empty()) {
        std::string name(text.substr(0, text.find(',')));
        text.remove_prefix(std::min(text.size(), name.size() + 1));
        std::ranges::transform(name, name.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
        if (name == "docker") continue;
        return fail(Errc::invalid_argument, "'{}' is no kind of image of this agent; it has docker",
                    name);
    }
    return {};
}

Result<void> check_absolute(std::string_view path) {
    if (path.starts_with('/') && path.size() > 1) return {};
    return fail(Errc::invalid_argument, "'{}' is no absolute path", path);
}

/// JSON text, or what the file of this absolute path has.
Result<std::string> read_docker_config(std::string text) {
    if (text.starts_with('/')) {
        std::ifstream file(text);
        std::ostringstream content;
        if (!(content << file.rdbuf()))
            return fail(Errc::invalid_argument, "--docker_config: cannot read the file '{}'", text);
        text = content.str();
    }
    if (text.empty()) return text;
    const auto logins = containerizer::images::parse_docker_config(text);
    if (!logins) return fail_with("--docker_config", logins.error());
    return text;
}

}  // namespace

std::vector<Flag> image_flags() {
    std::vector<Flag> flags;
    const auto add = [&](Flag flag) { flags.push_back(std::move(flag)); };
    add(daemon_flag("Images", "image_providers", "NAME,...", "",
                    "The kinds of images that containers may have: docker. They need the isolators "
                    "filesystem/linux and docker/runtime too. Without it: none.",
                    check_providers));
    add(daemon_flag("Images", "image_provisioner_backend", "NAME", "",
                    "How layers become a root filesystem: overlay, or copy. Without it: overlay "
                    "where this machine can.",
                    one_of({"overlay", "copy"})));
    add(daemon_flag("Images", "docker_registry", "URL", "https://registry-1.docker.io",
                    "Where images come from whose names have no registry. A directory is one of "
                    "archives, as docker save writes them.",
                    not_empty()));
    add(daemon_flag("Images", "docker_store_dir", "PATH", "",
                    "Where layers are kept. Of one agent alone. Without it: work_dir/store/docker.",
                    not_empty()));
    add(daemon_flag("Images", "docker_config", "JSON", "",
                    "Credentials for registries, as in ~/.docker/config.json: the JSON, or "
                    "the absolute path of it, also as file:///PATH."));
    add(daemon_flag("Images", "insecure_registries", "HOST[:PORT],...", "",
                    "Registries that may be spoken to in plain HTTP. Those of this machine may "
                    "anyway."));
    add(daemon_flag("Images", "image_gc_config", "JSON", "",
                    "When images are removed by themselves: {\"image_disk_headroom\": 0.1, "
                    "\"image_disk_watch_interval\": \"1hrs\", \"excluded_images\": [\"busybox\"]}. "
                    "Without it: only when an operator prunes."));
    add(daemon_flag("Images", "userns_remap", "USER|UID:COUNT", "",
                    "Containers with an image get a user namespace: their root is the first of "
                    "these ids outside. USER is one of /etc/subuid and /etc/subgid. Without it: "
                    "their root is this machine's."));
    add(daemon_switch("Images", "docker_ignore_runtime", "false",
                      "Take nothing of an image but its files: no user, working directory, "
                      "environment or command."));
    add(daemon_flag("Images", "sandbox_directory", "PATH", "/mnt/mesos/sandbox",
                    "Where the sandbox is in a container with an image.", check_absolute));
    add(daemon_flag("Images", "oci_runtime", "PROGRAM", "",
                    "The OCI runtime that makes containers with images. Without it: crun, or else "
                    "runc, whichever really makes one when the agent starts.",
                    not_empty()));
    return flags;
}

Result<void> read_image_flags(const Parsed& parsed, containerizer::Options& options) {
    options.images.docker = !parsed.value("image_providers").empty();
    options.images.registry = parsed.value("docker_registry");
    if (parsed.given("docker_store_dir"))
        options.images.store_dir = absolute_path(parsed.value("docker_store_dir"));
    options.images.docker_config = TEPUI_TRY(read_docker_config(parsed.value("docker_config")));
    const std::string insecure = parsed.value("insecure_registries");
    for (std::string_view rest = insecure; !rest.empty();) {
        const std::string_view host = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), host.size() + 1));
        if (!host.empty()) options.images.insecure_registries.emplace_back(host);
    }
    if (parsed.given("image_gc_config"))
        options.images.gc =
            TEPUI_TRY(containerizer::images::parse_image_gc(parsed.value("image_gc_config")));
    options.oci.backend = parsed.value("image_provisioner_backend");
    options.oci.userns_remap = parsed.value("userns_remap");
    options.oci.ignore_image_config = parsed.enabled("docker_ignore_runtime");
    options.oci.sandbox_directory = parsed.value("sandbox_directory");
    options.oci.runtime = parsed.value("oci_runtime");
    return {};
}

}  // namespace tepui::cli
