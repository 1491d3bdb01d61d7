#include "containerizer/isolators/docker_runtime/docker_runtime.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "containerizer/beneath.h"
#include "containerizer/cgroups/files.h"
#include "containerizer/cgroups/roots.h"
#include "containerizer/descriptor.h"
#include "containerizer/images/image_store.h"
#include "containerizer/oci/cgroups_left.h"
#include "containerizer/oci/image_run.h"
#include "containerizer/oci/runtime.h"
#include "containerizer/secrets/resolver.h"

namespace tepui::containerizer {
namespace {

constexpr const char* k_image_file = "image";  // The digest, for a later agent.

/// Of a container in the host's network.
constexpr const char* k_network_files[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/hostname"};

class DockerRuntime final : public Isolator {
public:
    explicit DockerRuntime(const IsolatorContext& context)
        : options_(context.options), groups_(context.groups), images_(context.images) {}

    std::string_view name() const override { return "docker/runtime"; }
    bool concerns(const LaunchSpec& spec) const override { return has_image(spec); }
    const std::vector<std::string>& warnings() const { return warnings_; }
    Result<void> prepare_machine() override;
    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                         LaunchPlan& plan) override;
    void recover(const Isolated& isolated) override;
    Result<void> cleanup(const Isolated& isolated) override;
    void sweep(const std::vector<Isolated>& living) override;

private:
    Result<void> make_user_namespace(const std::string& directory);
    Result<images::StoredImage> find_image(const Isolated& isolated, const LaunchSpec& spec);
    Result<void> apply(const images::ImageConfig& image, const LaunchSpec& spec, LaunchPlan& plan);
    Result<void> apply_user(const std::string& user, const Isolated& isolated,
                            const LaunchSpec& spec, LaunchPlan& plan) const;
    void add_mounts(const Isolated& isolated, const LaunchSpec& spec, LaunchPlan& plan) const;
    std::string cgroups_path(const std::string& cgroup) const {
        return "/" + options_.cgroups_root + "/" + cgroup;
    }
    void say(std::string text) { warnings_.push_back(std::move(text)); }

    const Options& options_;
    const cgroups::Groups& groups_;
    images::ImageStore* const images_;
    std::optional<oci::Provisioner> provisioner_;
    std::shared_ptr<const oci::UserNamespace> ids_;  // Null: containers have none of their own.
    Descriptor sealed_;                              // A copy of the runtime.
    std::string runtime_;                            // Its path.
    std::vector<std::string> warnings_;
    std::string refusal_;  // Why there can be no such container here; empty: there can.
};

/// Whether containers can have one here: said at the start, and not to each task.
Result<void> DockerRuntime::make_user_namespace(const std::string& directory) {
    const std::string& wanted = options_.oci.userns_remap;
    if (wanted.empty()) return {};
    const oci::IdMap ids = TEPUI_TRY(oci::read_id_map(wanted));
    Result<std::shared_ptr<const oci::UserNamespace>> made = oci::UserNamespace::make(ids);
    const std::string flag = "--userns_remap=" + wanted;
    if (!made) return fail_with(flag, made.error());
    ids_ = std::move(*made);
    const oci::Provisioner provisioner(directory, oci::Backend::overlay);
    TEPUI_CHECK_OK(provisioner.prepare(true));
    if (Result<void> passable = oci::check_passable(directory); !passable)
        return fail_with(flag, passable.error());
    if (Result<void> mapped = oci::check_id_mapping(directory, *ids_); !mapped)
        return fail_with(flag, mapped.error());
    return {};
}

Result<void> DockerRuntime::prepare_machine() {
    const std::string directory = provisioner_dir(options_);
    TEPUI_CHECK_OK(make_user_namespace(directory));
    const oci::Backend backend =
        TEPUI_TRY(oci::choose_backend(options_.oci.backend, directory + "/.overlay", ids_.get()));
    provisioner_.emplace(directory, backend);
    TEPUI_CHECK_OK(provisioner_->prepare(ids_ != nullptr));
    if (backend == oci::Backend::copy)
        say("root filesystems are copies of their images' layers: no overlay here");
    if (images_ == nullptr) {
        refusal_ = "this agent has no images: start it with --image_providers=docker";
        return {};
    }
    cgroups::make_roots_for_runtime(options_.cgroups_root);
    Result<oci::Runtime> runtime =
        oci::find_runtime(options_.oci.runtime, options_.shim_path, directory + "/.trial",
                          cgroups_path("trial"), ids_);
    if (!runtime) {
        refusal_ = runtime.error().text;
        say("tasks with images are refused: " + refusal_);
        return {};
    }
    Result<Descriptor> sealed = oci::seal_program(runtime->path);
    if (!sealed) return std::unexpected(sealed.error());
    sealed_ = std::move(*sealed);
    runtime_ = fmt::format("/proc/{}/fd/{}", ::getpid(), sealed_.get());
    if (!runtime->warning.empty()) say(runtime->warning);
    return {};
}

Result<images::StoredImage> DockerRuntime::find_image(const Isolated& isolated,
                                                      const LaunchSpec& spec) {
    const mesos::v1::Image& image = spec.info->mesos().image();
    images::ImageRequest request;
    request.name = image.docker().name();
    request.cached = image.cached();
    if (image.docker().has_config()) {
        const auto resolver = TEPUI_TRY(make_secret_resolver(options_.volumes));
        request.config = TEPUI_TRY(resolver->resolve(image.docker().config()));
    }
    request.holder = isolated.name;
    const std::atomic<bool> never = false;
    images::StoredImage stored = TEPUI_TRY(
        images_->get(request, isolated.cancelled != nullptr ? *isolated.cancelled : never, {}));
    const std::string path = isolated.runtime_dir + "/" + k_image_file;
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const std::string& digest = stored.digest;
    if (!file ||
        ::write(file.get(), digest.data(), digest.size()) != static_cast<ssize_t>(digest.size()))
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return stored;
}

Result<void> DockerRuntime::prepare(const Isolated& isolated, const LaunchSpec& spec,
                                    LaunchPlan& plan) {
    if (!refusal_.empty()) return fail(Errc::unavailable, "{}", refusal_);
    const images::StoredImage image = TEPUI_TRY(find_image(isolated, spec));
    plan.root = RootPlan{
        TEPUI_TRY(provisioner_->provision(isolated.name, image.layers, ids_.get())), {}, false};
    plan.user_namespace = ids_;
    plan.runtime = runtime_;
    const images::ImageConfig config =
        options_.oci.ignore_image_config ? images::ImageConfig{} : image.config;
    TEPUI_CHECK_OK(apply(config, spec, plan));
    TEPUI_CHECK_OK(apply_user(config.user, isolated, spec, plan));
    // What runs beside the task comes from outside: it has to become root of the inside.
    if (ids_ && !plan.user) plan.user = User{"root", 0, 0, {0}};
    add_mounts(isolated, spec, plan);
    return {};
}

Result<void> DockerRuntime::apply(const images::ImageConfig& image, const LaunchSpec& spec,
                                  LaunchPlan& plan) {
    const std::string& sandbox = options_.oci.sandbox_directory;
    plan.argv = TEPUI_TRY(oci::image_argv(spec.command, image));
    plan.environment = oci::image_environment(std::move(plan.environment), image.env, spec.command);
    plan.environment =
        oci::image_environment(std::move(plan.environment), {"MESOS_SANDBOX=" + sandbox}, {});
    plan.root->working_directory = image.working_dir.empty() ? sandbox : image.working_dir;
    if (!plan.root->working_directory.starts_with('/')) plan.root->working_directory.insert(0, "/");
    return {};
}

/// A user that the command names is one of this machine, as everywhere. The image's own counts
/// where the framework may be anybody: an image gives rights away, it never gives any.
Result<void> DockerRuntime::apply_user(const std::string& user, const Isolated& isolated,
                                       const LaunchSpec& spec, LaunchPlan& plan) const {
    if (user.empty() || spec.command.has_user() || !options_.switch_user) return {};
    if (plan.user && plan.user->uid != 0) return {};
    plan.user = TEPUI_TRY(oci::find_image_user(user, plan.root->path));
    const Descriptor root(::open(options_.work_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const std::string relative =
        std::filesystem::path(isolated.sandbox).lexically_relative(options_.work_dir).string();
    const Descriptor sandbox =
        TEPUI_TRY(open_beneath(root.get(), relative, O_RDONLY | O_DIRECTORY));
    if (::fchown(sandbox.get(), plan.user->uid, plan.user->gid) != 0)
        return fail(Errc::io, "cannot give the sandbox '{}' to the image's user '{}': {}",
                    isolated.sandbox, user, errno_text());
    return {};
}

void DockerRuntime::add_mounts(const Isolated& isolated, const LaunchSpec& spec,
                               LaunchPlan& plan) const {
    std::vector<MountPlan> mounts;
    mounts.push_back({.source = isolated.sandbox,
                      .target = options_.oci.sandbox_directory,
                      .type = "",
                      .flags = MS_NOSUID | MS_NODEV,
                      .data = {}});
    const bool own_network =
        std::ranges::any_of(spec.info->network_infos(), [](const auto& x) { return x.has_name(); });
    for (const char* file : k_network_files) {
        if (own_network || ::access(file, R_OK) != 0) continue;
        mounts.push_back({.source = file,
                          .target = file,
                          .type = "",
                          .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                          .data = {},
                          .recursive = false});
    }
    plan.mounts.insert(plan.mounts.begin(), mounts.begin(), mounts.end());
}

void DockerRuntime::recover(const Isolated& isolated) {
    const std::string digest = cgroups::read_file(isolated.runtime_dir + "/" + k_image_file);
    if (digest.empty() || images_ == nullptr) return;
    (void)images_->pin(digest, isolated.name);  // Gone? Its layers are mounted all the same.
}

Result<void> DockerRuntime::cleanup(const Isolated& isolated) {
    if (images_ != nullptr) images_->unpin(isolated.name);
    if (!isolated.cgroup.empty() &&
        ::access(provisioner_->path_of(isolated.name).c_str(), F_OK) == 0) {
        oci::remove_cgroups(cgroups_path(isolated.cgroup));
        // A pod's own is ours where we limit something, and the runtime's in other hierarchies.
        if (const std::size_t slash = isolated.cgroup.rfind('/'); slash != std::string::npos)
            oci::remove_parent_cgroups(cgroups_path(isolated.cgroup),
                                       groups_.directories(isolated.cgroup.substr(0, slash)));
    }
    return provisioner_->remove(isolated.name);
}

void DockerRuntime::sweep(const std::vector<Isolated>& living) {
    std::set<std::string> kept;
    for (const Isolated& each : living) kept.insert(each.name);
    for (const std::string& name : provisioner_->names()) {
        if (kept.contains(name)) continue;
        (void)provisioner_->remove(name);  // What is stuck, a later agent tries again.
    }
}

}  // namespace

bool has_image(const LaunchSpec& spec) {
    return !spec.hold && spec.info && spec.info->type() == mesos::v1::ContainerInfo::MESOS &&
           spec.info->mesos().has_image();
}

Result<void> check_image(const LaunchSpec& spec, const std::vector<std::string>& isolation) {
    if (!has_image(spec)) return {};
    const mesos::v1::Image& image = spec.info->mesos().image();
    if (image.type() != mesos::v1::Image::DOCKER)
        return fail(Errc::unsupported, "there are no Appc images here; give a Docker image");
    if (image.docker().name().empty()) return fail(Errc::invalid_argument, "the image has no name");
    if (std::ranges::find(isolation, "docker/runtime") == isolation.end())
        return fail(Errc::unsupported,
                    "The image '{}' needs the isolators filesystem/linux and docker/runtime in "
                    "--isolation, and --image_providers=docker",
                    image.docker().name());
    return {};
}

std::string provisioner_dir(const Options& options) { return options.work_dir + "/provisioner"; }

std::vector<std::string> image_warnings(const Isolator& isolator) {
    const auto* runtime = dynamic_cast<const DockerRuntime*>(&isolator);
    return runtime == nullptr ? std::vector<std::string>() : runtime->warnings();
}

std::unique_ptr<Isolator> make_docker_runtime(const IsolatorContext& context) {
    return std::make_unique<DockerRuntime>(context);
}

}  // namespace tepui::containerizer
