#include <fmt/core.h>

#include "cli/client/download.h"
#include "cli/client/find_task.h"
#include "cli/verbs/common.h"
#include "cli/verbs/files.h"
#include "cli/verbs/verbs.h"
#include "cli/view/text.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;

/// TASK[:PATH] in its parts.
struct Target {
    mesos::v1::Task task;
    std::string path;
};

/// Ids of tasks and names of files may have colons: the whole word may be a task, else the longest
/// part before a colon that is one counts.
Result<Target> find_target(const std::vector<mesos::v1::Task>& tasks, const std::string& word) {
    std::size_t end = word.size();
    for (;;) {
        const std::string path = end < word.size() ? word.substr(end + 1) : "";
        const auto task = find_task(tasks, word.substr(0, end));
        if (task) return Target{*task, path};
        const std::size_t colon = end == 0 ? std::string::npos : word.rfind(':', end - 1);
        const bool last = colon == std::string::npos || colon == 0;
        if (last || task.error().code != Errc::not_found) return std::unexpected(task.error());
        end = colon;
    }
}

std::string last_part(std::string path) {
    while (path.ends_with('/')) path.pop_back();
    return path.substr(path.rfind('/') + 1);
}

std::string size_text(std::uint64_t bytes) {
    if (bytes < 1024) return fmt::format("{}B", bytes);
    if (bytes < 1024 * 1024) return fmt::format("{}KB", (bytes + 512) / 1024);
    return format_megabytes(static_cast<double>(bytes) / (1024 * 1024));
}

/// What a verb of `files` works on.
struct Place {
    std::string task;     // Its whole id.
    std::string address;  // Of the agent.
    std::string path;     // Whole, as the agent wants it.
    std::string inner;    // What was given after the colon.
};

asio::awaitable<std::expected<Place, Failure>> find_place(MasterApi& master, std::string word) {
    auto tasks = co_await master.call(Call::GET_TASKS);
    if (!tasks) co_return master_failure("files", master, tasks.error());
    auto target = find_target(all_tasks(*tasks), word);
    if (!target) co_return give_up("files", target.error(), "tepui get tasks --all");
    const mesos::v1::Task* task = &target->task;
    auto address = co_await ask_agent_address(master, task->agent_id().value());
    if (!address && address.error().code != Errc::not_found) {
        co_return master_failure("files", master, address.error());
    }
    if (!address) {
        co_return give_up(fmt::format("files of task {}", task->task_id().value()), address.error(),
                          "tepui get agents");
    }
    std::string path = task_sandbox(*task);
    std::string& inner = target->path;
    while (inner.starts_with('/')) inner.erase(0, 1);
    if (!inner.empty()) path += '/' + inner;
    co_return Place{task->task_id().value(), *address, path, inner};
}

std::unexpected<Failure> failed(const std::string& verb, const Place& place, const Error& error) {
    return give_up(fmt::format("files {} {}:{}", verb, place.task, place.inner), error,
                   fmt::format("tepui files ls {}", place.task));
}

/// The file at the place, as its folder lists it; nothing when it is a folder. What an agent
/// answers to a listing of a file is an empty list, so the folder around is asked.
asio::awaitable<std::optional<RemoteFile>> find_file(AgentFiles& files, Place place) {
    if (place.inner.empty()) co_return std::nullopt;
    while (place.path.ends_with('/')) place.path.pop_back();
    auto around = co_await files.list(place.path.substr(0, place.path.rfind('/')));
    if (!around) co_return std::nullopt;
    const std::string name = last_part(place.inner);
    for (const RemoteFile& file : *around) {
        if (file.name() == name && !file.is_folder()) co_return file;
    }
    co_return std::nullopt;
}

asio::awaitable<Outcome> list(AgentFiles& files, Place place, const Console& console) {
    auto file = co_await find_file(files, place);
    Result<std::vector<RemoteFile>> entries;
    if (file) {
        entries = std::vector{*file};
    } else {
        entries = co_await files.list(place.path);
    }
    if (!entries) co_return failed("ls", place, entries.error());
    Table table(
        {{"MODE"}, {"OWNER"}, {"GROUP"}, {"SIZE", Table::Align::right}, {"MODIFIED"}, {"NAME"}});
    for (const RemoteFile& file : *entries) {
        table.add({file.mode, file.owner, file.group, size_text(file.size),
                   time_text(file.modified), file.name() + (file.is_folder() ? "/" : "")});
    }
    if (table.empty()) {
        console.err("tepui: the folder is empty\n");
    } else {
        console.out(table.render(console.color));
    }
    co_return 0;
}

asio::awaitable<Outcome> print(AgentFiles& files, Place place, const Console& console) {
    if (place.inner.empty()) {
        co_return failed("cat", place, Error{Errc::invalid_argument, "name a file: TASK:PATH"});
    }
    FollowOptions options;
    options.follow = false;
    auto shown = co_await follow_file(files, place.path, std::move(options), console.out);
    if (!shown) co_return failed("cat", place, shown.error());
    co_return 0;
}

asio::awaitable<Outcome> fetch(AgentFiles& files, Place place, const Console& console,
                               std::string target, bool force) {
    const auto folder = LocalFolder::open(target);
    if (!folder) co_return failed("get", place, folder.error());
    DownloadOptions options;
    options.force = force;
    options.say = [&console](const std::string& text) { console.err("tepui: " + text + '\n'); };
    auto file = co_await find_file(files, place);
    Result<Downloaded> got;
    if (file) {
        got = co_await download_file(files, place.path, *folder, last_part(place.inner), options);
    } else {
        // A folder that is not there leaves nothing here.
        auto listed = co_await files.list(place.path);
        if (!listed) co_return failed("get", place, listed.error());
        // A folder is copied as a folder of its name, a sandbox as one of its task's.
        std::string name = place.inner.empty() ? place.task : last_part(place.inner);
        if (!is_safe_name(name)) name = "sandbox";
        const auto inner = folder->folder(name);
        if (!inner) co_return failed("get", place, inner.error());
        got = co_await download_folder(files, place.path, *inner, 0, options);
    }
    if (!got) co_return failed("get", place, got.error());
    console.err(fmt::format("tepui: {} file{}, {}\n", got->files, got->files == 1 ? "" : "s",
                            size_text(got->bytes)));
    co_return 0;
}

}  // namespace

asio::awaitable<std::expected<TaskPath, Failure>> find_task_path(std::string verb,
                                                                 MasterApi& master,
                                                                 std::string word) {
    auto tasks = co_await master.call(Call::GET_TASKS);
    if (!tasks) co_return master_failure(verb, master, tasks.error());
    auto target = find_target(all_tasks(*tasks), word);
    if (!target) co_return give_up(verb, target.error(), "tepui get tasks --all");
    co_return TaskPath{target->task.task_id().value(), target->path};
}

asio::awaitable<Outcome> work_on_files(http::Client& client, MasterApi& master,
                                       const Console& console, std::vector<std::string> words,
                                       bool force) {
    auto place = co_await find_place(master, words[1]);
    if (!place) co_return std::unexpected(place.error());
    AgentFiles files(client, place->address);
    const std::string& verb = words[0];
    Outcome outcome;
    if (verb == "ls") {
        outcome = co_await list(files, *place, console);
    } else if (verb == "cat") {
        outcome = co_await print(files, *place, console);
    } else {
        const std::string target = words.size() > 2 ? words[2] : ".";
        outcome = co_await fetch(files, *place, console, target, force);
    }
    co_return outcome;
}

namespace {

Outcome run(const Console& console, const Parsed& parsed) {
    const auto usage = [](std::string text, std::string next) {
        return give_up("files", Error{Errc::invalid_argument, std::move(text)}, std::move(next));
    };
    const std::string verb = parsed.words.empty() ? "" : parsed.words[0];
    if (verb != "ls" && verb != "cat" && verb != "get") {
        return usage("say ls, cat or get", "tepui help files");
    }
    if (parsed.words.size() < 2) return usage("name the task", "tepui get tasks --all");
    if (parsed.words.size() > 2 && verb != "get") {
        return usage(fmt::format("'{}' is too much", parsed.words[2]), "tepui help files");
    }
    return with_master(parsed, "files",
                       [&](http::Client& client, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await work_on_files(
                               client, master, console, parsed.words, parsed.enabled("force"));
                           co_return outcome;
                       });
}

}  // namespace

Verb files_verb() {
    Verb verb;
    verb.manual.name = "files";
    verb.manual.summary = "list, print or download files of a task's sandbox";
    verb.manual.synopsis = {"files ls TASK[:PATH]", "files cat TASK:PATH",
                            "files get [--force] TASK[:PATH] [FOLDER]"};
    verb.manual.description = {
        "Works on the sandbox of TASK, an id, the beginning of one or a name, also of a task that "
        "has ended, for as long as its agent keeps the sandbox. PATH is relative to it; without "
        "one the whole sandbox is meant.",
        "`get` copies a file, or a folder with all that is in it, into FOLDER, the current one if "
        "none is named. It never writes outside of it, whatever the sandbox holds: symbolic links "
        "and devices are left out with a message, and links that lie in FOLDER are not followed. "
        "Files that exist are kept unless --force is given.",
    };
    verb.manual.examples = {{"tepui files ls web", "what is in its sandbox"},
                            {"tepui files cat web:conf/app.ini", "one file, exact to the byte"},
                            {"tepui files get web:logs /tmp", "the folder to /tmp/logs"}};
    Flag force;
    force.name = "force";
    force.kind = FlagKind::boolean;
    force.help = "get: overwrite files that exist.";
    verb.flags.flags = {force, master_flag()};
    verb.flags.words_max = 3;
    verb.offers = {{"ls", "cat", "get"}, {"@tasks"}, {}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
