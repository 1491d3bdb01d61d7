#include <charconv>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <unistd.h>

#include "cli/client/master_api.h"
#include "cli/run/container.h"
#include "cli/run/shell.h"
#include "cli/verbs/verbs.h"
#include "env/posix/clock.h"

namespace tepui::cli {

namespace {

constexpr double instances_max = 10'000;

Result<double> parse_number(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return fail(Errc::invalid_argument, "'{}' is not a number", text);
    }
    return number;
}

Result<void> check_amount(std::string_view text) {
    const auto number = parse_number(text);
    if (!number) return std::unexpected(number.error());
    if (!(*number >= 0 && *number < 1e9)) {
        return fail(Errc::invalid_argument, "'{}' is out of range", text);
    }
    return {};
}

Result<void> check_size(std::string_view text) {
    const auto size = parse_megabytes(text);
    if (!size) return std::unexpected(size.error());
    return {};
}

Result<void> check_instances(std::string_view text) {
    const auto number = parse_number(text);
    if (!number) return std::unexpected(number.error());
    if (*number < 1 || *number > instances_max ||
        *number != static_cast<double>(static_cast<int>(*number))) {
        return fail(Errc::invalid_argument, "'{}' is not a whole number from 1 to {}", text,
                    instances_max);
    }
    return {};
}

Result<void> check_duration(std::string_view text) {
    const auto duration = parse_duration(text);
    if (!duration) return std::unexpected(duration.error());
    if (*duration <= Duration::zero())
        return fail(Errc::invalid_argument, "'{}' is not a time to wait", text);
    return {};
}

Result<void> check_variable(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) {
        return fail(Errc::invalid_argument, "'{}' is not NAME=VALUE", text);
    }
    return {};
}

Manual run_manual() {
    Manual manual;
    manual.name = "run";
    manual.summary = "run a command on the cluster and show its output";
    manual.synopsis = {"run [OPTION]... [--] COMMAND [ARGUMENT]...",
                       "run --image NAME [OPTION]... [--] [COMMAND [ARGUMENT]...]"};
    manual.description = {
        "Runs COMMAND as a task somewhere on the cluster, shows what it writes to standard output "
        "and "
        "standard error, and ends with the task's exit status. It is a scheduler of its own: it "
        "takes "
        "the first offers that fit and asks for no more.",
        "One COMMAND without arguments goes through /bin/sh, so that it may hold pipes and "
        "variables; "
        "with arguments it is run as it stands. --shell and --no-shell decide otherwise.",
        "With --image the task has the image's root filesystem, environment, user and working "
        "directory, and COMMAND runs as it stands, in place of what the image runs.",
        "Ctrl-C kills the tasks and waits for their end; a second one ends at once. When the "
        "master is gone, it is awaited for 15 s. While the tasks cannot be placed, "
        "the reason is shown after a few seconds, with the offer that came "
        "nearest.",
        "If the connection to the master is lost, it is made again and the tasks run on. Tasks of "
        "a "
        "`tepui run` that died are killed after a minute.",
    };
    manual.exit_status = {
        {"N", "the task's own exit status; of several instances the first that is not 0"},
        {"128+N", "the task was ended by signal N"},
        {"130", "interrupted by Ctrl-C"},
    };
    manual.examples = {
        {"tepui run -- echo hello", "a first task"},
        {"tepui run 'date; sleep 10 && date'", "through the shell"},
        {"tepui run --cpus 2 --memory 1GB --env MODE=fast -- ./work --all",
         "with resources and environment"},
        {"tepui run --instances 3 --name web -- python3 -m http.server 0",
         "three tasks; each line is marked with its instance"},
        {"tepui run --image registry.example:5000/app:v1", "what the image runs"},
        {"tepui run --image alpine -v /data:/data:ro -- ls -l /data",
         "a program of the image, beside a directory of the machine"},
        {"tepui run --uri https://example.com/work.tar.gz -- ./work/start",
         "fetches and unpacks first"},
    };
    return manual;
}

FlagSet run_flags() {
    FlagSet set;
    set.words_end_flags = true;
    const auto flag = [&](std::string group, std::string name, std::string value_name,
                          std::string fallback, std::string help,
                          std::function<Result<void>(std::string_view)> check) {
        Flag item;
        item.group = std::move(group);
        item.name = std::move(name);
        item.value_name = std::move(value_name);
        item.fallback = std::move(fallback);
        item.help = std::move(help);
        item.check = std::move(check);
        set.flags.push_back(std::move(item));
        return &set.flags.back();
    };
    flag("Resources", "cpus", "NUMBER", "0.5", "CPUs of each instance; fractions are fine.",
         check_amount);
    flag("Resources", "memory", "SIZE", "128MB",
         "Memory of each instance: 512MB, 1.5GB, 512m; a bare number is MB.", check_size)
        ->letter = 'm';
    flag("Resources", "disk", "SIZE", "0", "Disk space of each instance.", check_size);
    flag("Resources", "gpus", "NUMBER", "0", "GPUs of each instance, whole ones.", check_amount);
    flag("Task", "instances", "NUMBER", "1", "How many equal tasks to run.", check_instances)
        ->letter = 'n';
    flag("Task", "name", "NAME", "",
         "The name of the framework and its tasks. Without it: the command's name.", nullptr);
    auto* env = flag("Task", "env", "NAME=VALUE", "", "A variable of the task's environment.",
                     check_variable);
    env->kind = FlagKind::list;
    env->letter = 'e';
    flag("Task", "uri", "URI", "", "A file to fetch into the sandbox first; archives are unpacked.",
         nullptr)
        ->kind = FlagKind::list;
    flag("Task", "user", "USER", "", "Whom the task runs as. Without it: who you are here.",
         nullptr);
    flag("Task", "shell", "", "",
         "Run the command through /bin/sh -c, or with --no-shell as it stands.", nullptr)
        ->kind = FlagKind::boolean;
    flag("Task", "timeout", "DURATION", "",
         "Kill the tasks and end with status 4 when they still run after this time: 30secs, 5mins, "
         "2hrs.",
         check_duration);
    for (Flag& item : container_flags()) set.flags.push_back(std::move(item));
    set.flags.push_back(master_flag());
    flag("Cluster", "role", "ROLE", "*", "The role whose resources are used.", nullptr);
    return set;
}

std::string base_name(const std::string& command) {
    const std::string first = command.substr(0, command.find_first_of(" \t;|&"));
    const std::string name = first.substr(first.rfind('/') + 1);
    return name.empty() ? "run" : name;
}

// Of the command; without one, of the image: "app" of "registry:5000/team/app:v1".
std::string run_name(const Parsed& parsed) {
    if (!parsed.rest.empty()) return base_name(parsed.rest[0]);
    const std::string name = base_name(parsed.value("image"));
    return name.substr(0, name.find_first_of(":@"));
}

std::string unique_id(const std::string& name) {
    std::string id;
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        id += plain ? c : '-';
    }
    constexpr std::uint64_t eight_digits = 0xffffffff;
    return fmt::format("{}-{:08x}", id, env::PosixRandom().seed() & eight_digits);
}

Outcome run(const Console& console, const Parsed& parsed) {
    const std::string name = parsed.given("name") ? parsed.value("name") : run_name(parsed);
    auto spec = make_run_spec(parsed, current_user(), current_hostname(), unique_id(name));
    if (!spec) return give_up("run", spec.error(), "tepui help run");
    return with_master(parsed, "run",
                       [&](http::Client& client, MasterApi& master) -> asio::awaitable<Outcome> {
                           env::PosixClock clock;
                           RunShell shell(client, master, clock, console, *spec);
                           auto code = co_await shell.run();
                           if (!code) co_return master_failure("run", master, code.error());
                           co_return *code;
                       });
}

}  // namespace

Result<Quantity> parse_megabytes(std::string_view text) {
    std::size_t digits = 0;
    while (digits < text.size() &&
           (text[digits] == '.' || (text[digits] >= '0' && text[digits] <= '9')))
        ++digits;
    const auto number = parse_number(text.substr(0, digits));
    std::string unit;
    for (const char c : text.substr(digits))
        unit += (c >= 'a' && c <= 'z') ? static_cast<char>(c - 32) : c;
    const std::map<std::string, double> units = {
        {"", 1},         {"MB", 1},      {"M", 1},           {"GB", 1024},     {"G", 1024},
        {"TB", 1048576}, {"T", 1048576}, {"KB", 1 / 1024.0}, {"K", 1 / 1024.0}};
    const auto scale = units.find(unit);
    if (!number || scale == units.end()) {
        return fail(Errc::invalid_argument, "'{}' is not a size; write 512MB, 1.5GB or 512m", text);
    }
    constexpr double megabytes_max = 1e12;
    if (*number * scale->second > megabytes_max)
        return fail(Errc::invalid_argument, "'{}' is out of range", text);
    return Quantity::from_double(*number * scale->second);
}

std::string current_user() {
    const passwd* entry = ::getpwuid(::geteuid());
    return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}

std::string current_hostname() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

Result<RunSpec> make_run_spec(const Parsed& parsed, const std::string& user,
                              const std::string& hostname, const std::string& id) {
    const bool has_image = parsed.given("image");
    if (parsed.rest.empty() && !has_image)
        return fail(Errc::invalid_argument, "there is no COMMAND to run");
    RunSpec spec;
    spec.name = parsed.given("name") ? parsed.value("name") : run_name(parsed);
    spec.role = parsed.value("role");
    spec.user = parsed.given("user") ? parsed.value("user") : user;
    spec.hostname = hostname;
    spec.id = id;
    spec.instances = static_cast<std::size_t>(TEPUI_TRY(parse_number(parsed.value("instances"))));
    if (parsed.given("timeout")) spec.timeout = TEPUI_TRY(parse_duration(parsed.value("timeout")));

    const Quantity cpus = Quantity::from_double(TEPUI_TRY(parse_number(parsed.value("cpus"))));
    const Quantity memory = TEPUI_TRY(parse_megabytes(parsed.value("memory")));
    const Quantity disk = TEPUI_TRY(parse_megabytes(parsed.value("disk")));
    const Quantity gpus = Quantity::from_double(TEPUI_TRY(parse_number(parsed.value("gpus"))));
    if (gpus.milli % 1000 != 0)
        return fail(Errc::invalid_argument, "--gpus: a GPU cannot be shared; ask for whole ones");
    for (const auto& [name, amount] :
         Needs{{"cpus", cpus}, {"mem", memory}, {"disk", disk}, {"gpus", gpus}}) {
        if (amount.milli > 0) spec.needs.emplace_back(name, amount);
    }
    if (spec.needs.empty())
        return fail(Errc::invalid_argument, "--cpus and --memory: a task needs some of either");

    // An image's own command takes no shell; nor does one word, which a program of the image is.
    const bool shell =
        parsed.given("shell") ? parsed.enabled("shell") : parsed.rest.size() == 1 && !has_image;
    spec.command.set_shell(shell);
    if (parsed.rest.empty()) {
        spec.command.set_shell(false);
    } else if (shell) {
        spec.command.set_value(fmt::format("{}", fmt::join(parsed.rest, " ")));
    } else {
        spec.command.set_value(parsed.rest[0]);
        for (const std::string& word : parsed.rest) spec.command.add_arguments(word);
    }
    if (parsed.given("user")) spec.command.set_user(spec.user);
    for (const std::string& variable : parsed.list("env")) {
        auto* item = spec.command.mutable_environment()->add_variables();
        item->set_name(variable.substr(0, variable.find('=')));
        item->set_value(variable.substr(variable.find('=') + 1));
    }
    for (const std::string& uri : parsed.list("uri")) spec.command.add_uris()->set_value(uri);
    TEPUI_CHECK_OK(read_container(parsed, spec));
    return spec;
}

Verb run_verb() { return Verb{run_manual(), run_flags(), run}; }

}  // namespace tepui::cli
