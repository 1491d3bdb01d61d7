#include <fmt/core.h>

#include "cli/client/event_stream.h"
#include "cli/verbs/get_query.h"

namespace tepui::cli {

namespace {

using Kind = OutputFormat::Kind;
using mesos::v1::master::Event;

/// Changes come in bursts; they are drawn together.
constexpr Duration burst = 200ms;
constexpr Duration look_interval = 2s;

/// Whether an event may change the rows of a kind.
bool concerns(const std::string& kind, Event::Type type) {
    if (type == Event::HEARTBEAT) return false;
    const bool of_agent = type == Event::AGENT_ADDED || type == Event::AGENT_REMOVED;
    return kind != "tasks" || !of_agent;
}

class Watch {
public:
    Watch(MasterApi& master, const Console& console, GetQuery query)
        : master_(master),
          console_(console),
          query_(std::move(query)),
          rows_(query_),
          follower_(
              master,
              [this](const EventRecord& record) {
                  if (concerns(query_.kind, record.event.type())) wake();
                  return !failure_;
              },
              [&console](const std::string& text) { console.err("tepui: " + text + '\n'); }) {}

    asio::awaitable<Outcome> run() {
        const auto executor = co_await asio::this_coro::executor;
        changed_ = std::make_unique<asio::steady_timer>(executor);
        ended_ = std::make_unique<asio::steady_timer>(executor);
        ended_->expires_at(asio::steady_timer::time_point::max());
        asio::co_spawn(executor, draw(), asio::detached);
        auto followed = co_await follower_.run();
        stop_ = true;
        changed_->cancel();
        boost::system::error_code ignored;
        while (drawing_) {
            co_await ended_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        if (failure_) co_return std::unexpected(*failure_);
        if (!followed) co_return master_failure("get -w", master_, followed.error());
        co_return 0;
    }

private:
    void wake() {
        dirty_ = true;
        changed_->cancel();
    }

    asio::awaitable<void> draw() {
        boost::system::error_code ignored;
        while (!stop_ && !failure_) {
            if (!dirty_) {
                // The stream tells all about tasks, and not who holds offers or is connected.
                changed_->expires_after(query_.kind == "tasks" ? Duration(24h) : look_interval);
                co_await changed_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            }
            if (stop_) break;
            dirty_ = false;
            auto view = co_await load_view(master_, query_.kind);
            if (view) show(*view);
            changed_->expires_after(burst);
            co_await changed_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        drawing_ = false;
        ended_->cancel();
    }

    void fail_with_error(const Error& error) {
        failure_ = Failure{"get -w", error, fmt::format("tepui get {}", query_.kind)};
        follower_.stop();
    }

    void show(const ClusterView& view) {
        const bool table = query_.format.kind == Kind::table || query_.format.kind == Kind::wide;
        if (table && console_.out_is_terminal) {
            const auto rows = list_view(view, query_);
            if (!rows && first_) return fail_with_error(rows.error());
            const auto text = rows ? render_listing(*rows, query_.format, console_.color)
                                   : Result<std::string>(rows.error().text + '\n');
            console_.out("\033[H\033[2J" + text.value_or(""));
            first_ = false;
            return;
        }
        const auto rows = rows_.changed(view);
        if (!rows && first_) return fail_with_error(rows.error());
        if (!rows || rows->items.empty()) return;
        const auto text = render_changed(*rows, table);
        if (!text) return fail_with_error(text.error());
        console_.out(*text);
        first_ = false;
    }

    Result<std::string> render_changed(const Listing& rows, bool table) const {
        if (table) {
            std::string text = TEPUI_TRY(render_listing(rows, query_.format, console_.color));
            // Headings stand once, above everything.
            return first_ ? text : text.substr(text.find('\n') + 1);
        }
        if (query_.format.kind == Kind::name) return render_listing(rows, query_.format, false);
        std::string text;
        for (const Listed& item : rows.items) {
            if (query_.format.kind == Kind::yaml) text += "---\n";
            text += TEPUI_TRY(format_json(query_.format, item.json));
        }
        return text;
    }

    MasterApi& master_;
    const Console& console_;
    GetQuery query_;
    WatchedRows rows_;
    std::unique_ptr<asio::steady_timer> changed_;
    std::unique_ptr<asio::steady_timer> ended_;
    std::optional<Failure> failure_;
    bool dirty_ = false;
    bool stop_ = false;
    bool drawing_ = true;
    bool first_ = true;
    EventFollower follower_;
};

}  // namespace

asio::awaitable<Outcome> watch_listing(MasterApi& master, const Console& console, GetQuery query) {
    Watch watch(master, console, std::move(query));
    auto outcome = co_await watch.run();
    co_return outcome;
}

}  // namespace tepui::cli
