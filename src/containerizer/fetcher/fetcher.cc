#include "containerizer/fetcher/fetcher.h"

#include <pwd.h>
#include <unistd.h>

#include <condition_variable>
#include <thread>

#include "containerizer/unpack/unpack.h"

namespace tepui::containerizer::fetcher {
namespace {

constexpr std::size_t k_parallel_max = 4;  // Of one container.
constexpr auto k_look_every = std::chrono::milliseconds(50);

Variables own_environment() {
    Variables variables;
    for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
        const std::string_view line = *each;
        const std::size_t equals = line.find('=');
        if (equals != std::string_view::npos)
            variables.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    return variables;
}

std::string own_user() {
    std::vector<char> buffer(4096);
    passwd entry{};
    passwd* found = nullptr;
    while (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == ERANGE)
        buffer.resize(buffer.size() * 2);
    return found == nullptr ? "" : found->pw_name;
}

}  // namespace

Result<std::unique_ptr<Fetcher>> Fetcher::make(FetchOptions options) {
    std::unique_ptr<Fetcher> fetcher(new Fetcher(std::move(options)));
    const FetcherOptions& own = fetcher->options_.own;
    fetcher->cache_ = TEPUI_TRY(Cache::open(own.cache_dir, own.cache_bytes, fetcher->counters_));
    return fetcher;
}

Result<void> Fetcher::fetch(const FetchRequest& request, const std::atomic<bool>& cancelled) {
    const auto context =
        fmt::format("Failed to fetch all URIs for container '{}'", request.container);
    std::vector<Item> items;
    for (const auto& uri : request.command.uris()) {
        Item& item = items.emplace_back();
        item.shown = display_uri(uri.value());
        Result<FetchPlan> plan = plan_fetch(uri, options_.frameworks_home);
        if (!plan) return fail_with(context + ": '" + item.shown + "'", plan.error());
        item.plan = std::move(*plan);
    }
    const Result<void> done = fetch_items(items, request, cancelled);
    if (done) return {};
    const FilesAs rights(request.user);
    for (const Item& item : items)
        if (!item.temporary.empty()) ::unlinkat(request.sandbox_fd, item.temporary.c_str(), 0);
    return fail_with(context, done.error());
}

Result<void> Fetcher::fetch_items(std::vector<Item>& items, const FetchRequest& request,
                                  const std::atomic<bool>& cancelled) {
    TEPUI_CHECK_OK(acquire_all(items, request, cancelled));
    for (Item& item : items)
        if (const Result<void> placed = place(item, request, cancelled); !placed)
            return fail_with("'" + item.shown + "'", placed.error());
    return {};
}

Result<void> Fetcher::acquire_all(std::vector<Item>& items, const FetchRequest& request,
                                  const std::atomic<bool>& cancelled) {
    const auto acquire_named = [&](Item& item, const std::atomic<bool>& stop) -> Result<void> {
        const Result<void> done = acquire(item, request, stop);
        if (!done) return fail_with("'" + item.shown + "'", done.error());
        return {};
    };
    if (items.size() == 1) return acquire_named(items.front(), cancelled);
    std::mutex mutex;
    std::condition_variable ended;
    std::atomic<std::size_t> next = 0;
    std::atomic<bool> stop = false;
    std::size_t running = std::min(items.size(), k_parallel_max);
    Result<void> result;
    const auto work = [&] {
        Result<void> done;
        for (std::size_t i = next++; done && i < items.size(); i = next++)
            done = acquire_named(items[i], stop);
        const std::lock_guard lock(mutex);
        // The first failure is the reason; the others were stopped because of it.
        if (!done && result) result = done;
        if (!done) stop = true;
        if (--running == 0) ended.notify_all();
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 0, count = running; i < count; ++i) threads.emplace_back(work);
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, k_look_every, [&] { return running == 0; }))
        if (cancelled.load()) stop = true;
    return result;
}

FetchStats Fetcher::stats() const {
    return {.cache_bytes_total = cache_->bytes_max(),
            .cache_bytes_used = cache_->bytes_used(),
            .cache_hits = counters_.cache_hits,
            .cache_misses = counters_.cache_misses,
            .bytes_fetched = counters_.bytes,
            .downloads = counters_.downloads,
            .retries = counters_.retries};
}

void Fetcher::log_to(std::function<void(const std::string&)> log) {
    const std::lock_guard lock(log_mutex_);
    log_ = std::move(log);
}

void Fetcher::log(const std::string& text) const {
    const std::lock_guard lock(log_mutex_);
    if (log_) log_(text);
}

std::string Fetcher::user_name(const FetchRequest& request) const {
    return request.user != nullptr ? request.user->name : options_.agent_user;
}

Variables variables_of(const mesos::v1::CommandInfo& command, const Variables& beneath) {
    Variables variables = beneath;
    for (const auto& variable : command.environment().variables()) {
        if (variable.has_value())
            variables[variable.name()] = variable.value();
        else if (variable.secret().has_value())
            variables[variable.name()] = variable.secret().value().data();
    }
    return variables;
}

Result<std::shared_ptr<Fetcher>> make_fetcher(const Options& options) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<Fetcher>> fetchers;
    FetchOptions own;
    own.frameworks_home = options.frameworks_home;
    own.limits = {options.fetch_stall_timeout, options.fetch_bytes_max, options.fetch_link_local};
    own.unpack_program = unpack::program_beside(options.shim_path);
    own.own = options.fetcher;
    if (own.own.cache_dir.empty()) own.own.cache_dir = options.work_dir + "/fetch";
    own.environment = own_environment();
    own.agent_user = own_user();
    const std::lock_guard lock(mutex);
    std::weak_ptr<Fetcher>& known = fetchers[own.own.cache_dir];
    if (std::shared_ptr<Fetcher> fetcher = known.lock()) return fetcher;
    std::shared_ptr<Fetcher> fetcher = TEPUI_TRY(Fetcher::make(std::move(own)));
    known = fetcher;
    return fetcher;
}

}  // namespace tepui::containerizer::fetcher
