#include "cli/run/shell.h"

#include <csignal>

#include <fmt/core.h>

#include "base/overloaded.h"
#include "wire/media.h"

namespace tepui::cli {

namespace {

using mesos::v1::scheduler::Call;

/// A master that is there takes a call at once; one that hangs must not hold back who was
/// interrupted. SUBSCRIBE waits for the registry.
constexpr Duration call_deadline = 10s;
constexpr Duration subscribe_deadline = 30s;
/// TEARDOWN of one who does not want to wait.
constexpr Duration hurried_deadline = 2s;

http::ClientRequest scheduler_request(const Call& call, const std::string& stream_id) {
    http::ClientRequest request;
    request.method = "POST";
    request.url.target = "/api/v1/scheduler";
    request.headers = {{"Content-Type", std::string(wire::media_protobuf)},
                       {"Accept", std::string(wire::media_protobuf)}};
    if (!stream_id.empty()) request.headers.add("Mesos-Stream-Id", stream_id);
    request.body = wire::encode(wire::Media::protobuf, call);
    request.deadline = call.type() == Call::SUBSCRIBE ? subscribe_deadline : call_deadline;
    return request;
}

}  // namespace

RunShell::RunShell(http::Client& client, MasterApi& master, env::Clock& clock,
                   const Console& console, RunSpec spec)
    : client_(client),
      master_(master),
      clock_(clock),
      console_(console),
      labelled_(spec.instances > 1),
      name_(spec.name),
      core_(std::move(spec), clock.now().instant) {}

asio::awaitable<Result<int>> RunShell::run() {
    executor_ = co_await asio::this_coro::executor;
    deadline_ = std::make_unique<asio::steady_timer>(executor_);
    changed_ = std::make_unique<asio::steady_timer>(executor_);
    changed_->expires_at(asio::steady_timer::time_point::max());
    signals_ = std::make_unique<asio::signal_set>(executor_, SIGINT, SIGTERM);
    wait_for_signal();
    for (RunEffect& effect : core_.start(clock_.now().instant)) perform(std::move(effect));
    arm_timer();
    boost::system::error_code ignored;
    // What is still to be said goes out before TEARDOWN, which must not overtake it.
    while (!result_ || (!hurried_ && (tails_open_ > 0 || sending_))) {
        co_await changed_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    ++epoch_;
    if (to_tear_down_) co_await teardown(*to_tear_down_);
    if (stream_) stream_->close();
    deadline_->cancel();
    signals_->cancel();
    co_return *result_;
}

void RunShell::wait_for_signal() {
    signals_->async_wait([this](boost::system::error_code error, int) {
        if (error) return;
        interrupt();
        wait_for_signal();
    });
}

void RunShell::interrupt() {
    hurried_ = interrupted_;
    interrupted_ = true;
    feed(Interrupted{});
    changed_->cancel();
}

void RunShell::feed(RunEvent event) {
    // An effect may feed the next event; it waits until the effects of this one are performed.
    events_.push_back(std::move(event));
    if (feeding_) return;
    feeding_ = true;
    while (!events_.empty()) {
        const RunEvent next = std::move(events_.front());
        events_.pop_front();
        for (RunEffect& effect : core_.step(next, clock_.now().instant)) perform(std::move(effect));
    }
    feeding_ = false;
    arm_timer();
}

void RunShell::arm_timer() {
    const Instant next = core_.next_deadline();
    if (next == Instant::max()) {
        deadline_->cancel();
        return;
    }
    const Duration wait = std::max(next - clock_.now().instant, Duration{0});
    deadline_->expires_after(wait);
    deadline_->async_wait([this](boost::system::error_code error) {
        if (!error) feed(TimePassed{});
    });
}

void RunShell::perform(RunEffect effect) {
    std::visit(
        Overloaded{
            [&](Connect& connect) {
                if (stream_) stream_->close();
                stream_.reset();
                stream_id_.clear();
                calls_.clear();
                asio::co_spawn(executor_, subscribe(std::move(connect.subscribe), ++epoch_),
                               asio::detached);
            },
            [&](SendCall& send) {
                calls_.push_back(std::move(send.call));
                if (!sending_) {
                    sending_ = true;
                    asio::co_spawn(executor_, send_queued(), asio::detached);
                }
            },
            [&](FollowLogs& logs) { follow(logs); },
            [&](TaskEnded& end) {
                for (auto& tail : tails_) {
                    if (tail->task == end.task) tail->ended = true;
                }
            },
            [&](Note& note) {
                const std::string_view mark = note.text.starts_with("  ") ? "" : "tepui: ";
                console_.err(fmt::format("{}{}\n", mark, note.text));
            },
            [&](Finish& finish) { end_with(finish.code, std::move(finish.framework)); },
            [&](GiveUp& gone) { end_with(std::unexpected(gone.error), std::move(gone.framework)); },
        },
        effect);
}

void RunShell::end_with(Result<int> result, std::optional<FrameworkId> framework) {
    result_ = std::move(result);
    to_tear_down_ = std::move(framework);
    for (auto& tail : tails_) tail->ended = true;
    changed_->cancel();
}

asio::awaitable<void> RunShell::subscribe(Call call, unsigned epoch) {
    auto request = scheduler_request(call, "");
    auto opened = co_await master_.open(std::move(request));
    if (epoch != epoch_) co_return;
    if (!opened) {
        feed(StreamLost{opened.error()});
        co_return;
    }
    std::shared_ptr<http::ClientStream> stream = *std::move(opened);
    stream_ = stream;
    stream_id_ = std::string(stream->headers().find("Mesos-Stream-Id").value_or(""));
    auto ended = co_await read_events(*stream, epoch);
    if (epoch != epoch_) co_return;
    const Error error = ended ? Error{Errc::unavailable, "the master closed the stream"}
                              : Error{Errc::unavailable, ended.error().text};
    feed(StreamLost{error});
}

asio::awaitable<Result<void>> RunShell::read_events(http::ClientStream& stream, unsigned epoch) {
    const auto type = wire::parse_content_type(stream.headers().find("Content-Type").value_or(""));
    const wire::Media media = type.value_or(wire::Media::protobuf);
    wire::RecordDecoder decoder;
    for (;;) {
        auto bytes = co_await stream.read();
        if (!bytes) co_return std::unexpected(bytes.error());
        if (bytes->empty() || epoch != epoch_) co_return Result<void>{};
        TEPUI_CO_CHECK_OK(decoder.feed(*bytes));
        while (auto record = decoder.next()) {
            EventCame came;
            TEPUI_CO_CHECK_OK(wire::decode(media, *record, came.event));
            feed(std::move(came));
            if (epoch != epoch_) co_return Result<void>{};
        }
    }
}

asio::awaitable<void> RunShell::send_queued() {
    while (!calls_.empty()) {
        const unsigned epoch = epoch_;
        const Call call = std::move(calls_.front());
        calls_.pop_front();
        const Call::Type type = call.type();
        auto request = scheduler_request(call, stream_id_);
        auto sent = co_await send(std::move(request));
        if (sent || epoch != epoch_) continue;
        feed(CallRefused{type, sent.error().text});
    }
    sending_ = false;
    changed_->cancel();
}

asio::awaitable<Result<void>> RunShell::send(http::ClientRequest request) {
    auto sent = co_await master_.ask(std::move(request));
    if (!sent) co_return std::unexpected(sent.error());
    co_return Result<void>{};
}

void RunShell::follow(const FollowLogs& logs) {
    auto tail = std::make_shared<Tail>(Tail{logs.task});
    tails_.push_back(tail);
    const std::string sandbox = sandbox_path(logs.framework.value, logs.task.value);
    const std::string label = labelled_ ? fmt::format("{}.{}", name_, logs.instance) : "";
    tails_open_ += 2;
    asio::co_spawn(executor_, show(tail, logs.agent, sandbox + "/stdout", label, false),
                   asio::detached);
    asio::co_spawn(executor_, show(tail, logs.agent, sandbox + "/stderr", label, true),
                   asio::detached);
}

asio::awaitable<void> RunShell::show(std::shared_ptr<Tail> tail, std::string agent,
                                     std::string path, std::string label, bool to_stderr) {
    AgentFiles files(client_, agent);
    LinePrefixer lines(label, to_stderr ? console_.err : console_.out);
    FollowOptions options;
    options.ended = [tail] { return tail->ended; };
    options.poll = 100ms;
    options.patience = 3s;
    auto shown = co_await follow_file(files, path, std::move(options),
                                      [&lines](std::string_view bytes) { lines.write(bytes); });
    lines.finish();
    if (!shown) {
        console_.err(fmt::format("tepui: {} of task {} cannot be read to its end: {}\n",
                                 to_stderr ? "stderr" : "stdout", tail->task, shown.error().text));
    }
    --tails_open_;
    changed_->cancel();
}

asio::awaitable<void> RunShell::teardown(FrameworkId framework) {
    Call call;
    call.set_type(Call::TEARDOWN);
    call.mutable_framework_id()->set_value(framework.value);
    auto request = scheduler_request(call, stream_id_);
    if (hurried_) request.deadline = hurried_deadline;
    auto sent = co_await send(std::move(request));
    if (!sent) {
        console_.err(fmt::format("tepui: framework {} stays until its failover timeout: {}\n",
                                 framework, sent.error().text));
    }
}

}  // namespace tepui::cli
