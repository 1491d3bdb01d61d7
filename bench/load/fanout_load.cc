#include "bench/load/fanout_load.h"

#include <charconv>
#include <fstream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tepui/link.pb.h"
#include "wire/recordio.h"

namespace tepui::bench {
namespace {

constexpr auto pace = std::chrono::milliseconds{5};
constexpr unsigned sampled_readers_max = 50;

double wall_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

/// What a process holds in memory now.
double resident_mb(pid_t pid) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
    }
    return 0;
}

}  // namespace

/// Registers one agent, and says of its one task that it runs, again and again.
class FanoutLoad::Agent {
public:
    explicit Agent(asio::io_context& io) : client_(io.get_executor()) {}

    asio::awaitable<Result<void>> begin(http::Url master) {
        http::ClientRequest request;
        request.url = std::move(master);
        request.url.target = "/tepui/agent-link";
        std::string protocol = "tepui-agent-link";
        TEPUI_CO_ASSIGN(duplex_, co_await client_.upgrade(std::move(request), std::move(protocol)));
        link::ToMaster frame;
        frame.set_agent_id("");
        auto* message = frame.mutable_register_agent();
        message->set_version("1.12.0");
        message->mutable_agent()->set_hostname("source");
        message->mutable_agent()->set_port(5051);
        for (const char* name : {"cpus", "mem"}) {
            auto* resource = message->mutable_agent()->add_resources();
            resource->set_name(name);
            resource->set_type(mesos::v1::Value::SCALAR);
            resource->mutable_scalar()->set_value(1'000);
        }
        push(frame);
        co_return Result<void>{};
    }

    /// Reads until the link ends; `launched` hears of the task.
    asio::awaitable<Result<void>> serve(std::function<void()> launched) {
        wire::RecordDecoder decoder;
        for (;;) {
            TEPUI_CO_ASSIGN(const std::string bytes, co_await duplex_->read());
            if (bytes.empty()) co_return fail(Errc::io, "the master closed the agent's link");
            TEPUI_CO_CHECK_OK(decoder.feed(bytes));
            while (const auto record = decoder.next()) {
                link::ToAgent in;
                if (!in.ParseFromString(*record))
                    co_return fail(Errc::io, "a frame is not protobuf");
                if (in.has_agent_registered()) id_ = in.agent_id();
                if (in.has_ping()) {
                    link::ToMaster pong;
                    pong.set_agent_id(id_);
                    pong.mutable_pong();
                    push(pong);
                }
                if (!in.has_run_task()) continue;
                framework_ = in.run_task().framework().id();
                task_ = in.run_task().task().task_id();
                launched();
            }
        }
    }

    void update(std::uint64_t number) {
        link::ToMaster frame;
        frame.set_agent_id(id_);
        auto* update = frame.mutable_status_update();
        *update->mutable_framework_id() = framework_;
        update->set_latest_state(mesos::v1::TASK_RUNNING);
        auto* status = update->mutable_status();
        *status->mutable_task_id() = task_;
        status->mutable_agent_id()->set_value(id_);
        status->mutable_executor_id()->set_value(task_.value());
        status->set_state(mesos::v1::TASK_RUNNING);
        status->set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
        status->set_timestamp(wall_seconds());
        status->set_uuid(fmt::format("{:016}", number));
        push(frame);
    }

private:
    void push(const link::ToMaster& frame) {
        duplex_->push(wire::encode_record(frame.SerializeAsString()));
    }

    http::Client client_;
    std::shared_ptr<http::Duplex> duplex_;
    std::string id_;
    mesos::v1::FrameworkID framework_;
    mesos::v1::TaskID task_;
};

FanoutLoad::FanoutLoad(asio::io_context& io, Settings settings)
    : io_(io),
      settings_(std::move(settings)),
      client_(io.get_executor()),
      agent_(std::make_unique<Agent>(io)),
      timer_(io),
      to_send_(std::uint64_t{settings_.events_per_second} * settings_.seconds) {}

FanoutLoad::~FanoutLoad() = default;

void FanoutLoad::start() { asio::co_spawn(io_, run(), asio::detached); }

asio::awaitable<void> FanoutLoad::run() {
    Result<void> result;
    try {
        result = co_await serve();
    } catch (const std::exception& exception) {
        result = fail(Errc::internal, "{}", exception.what());
    }
    if (!result) fail_with(result.error());
}

asio::awaitable<Result<void>> FanoutLoad::serve() {
    TEPUI_CO_CHECK_OK(co_await agent_->begin(settings_.master));
    Scheduler::Handlers handlers{[this](const mesos::v1::scheduler::Event& event) {
                                     if (event.type() == mesos::v1::scheduler::Event::OFFERS)
                                         on_offers(event.offers());
                                 },
                                 [](std::uint64_t) {},
                                 [this](Error error) { fail_with(std::move(error)); }};
    scheduler_ = std::make_unique<Scheduler>(
        io_, Scheduler::Settings{settings_.master, "fanout", 1}, std::move(handlers));
    scheduler_->start();
    std::function<void()> launched = [this] {
        auto open = [this]() -> asio::awaitable<void> {
            const Result<void> opened = co_await open_readers();
            if (!opened) fail_with(opened.error());
        };
        asio::co_spawn(io_, open, asio::detached);
    };
    co_return co_await agent_->serve(std::move(launched));
}

void FanoutLoad::on_offers(const mesos::v1::scheduler::Event::Offers& offers) {
    if (std::exchange(is_launched_, true)) return;
    auto call = accept_call(offers.offers(0), settings_.shape, 0, 1);
    scheduler_->send(call);
}

asio::awaitable<Result<void>> FanoutLoad::open_readers() {
    memory_begin_mb_ = resident_mb(settings_.master_pid);
    const unsigned stalled = settings_.readers * settings_.stalled_percent / 100;
    const unsigned every = std::max(1U, (settings_.readers - stalled) / sampled_readers_max);
    for (unsigned i = 0; i < settings_.readers; ++i) {
        http::ClientRequest request;
        request.method = "POST";
        request.url = settings_.master;
        request.url.target = "/api/v1";
        request.headers.set("Content-Type", "application/json");
        request.headers.set("Accept", "application/x-protobuf");
        request.body = R"({"type":"SUBSCRIBE"})";
        TEPUI_CO_ASSIGN(auto stream, co_await client_.open(std::move(request)));
        if (stream->status() != 200)
            co_return fail(Errc::io, "SUBSCRIBE answered {}", stream->status());
        if (i < stalled) {
            stalled_.push_back(std::move(stream));
            continue;
        }
        auto reader = std::make_unique<Reader>(Reader{std::move(stream), i % every == 0});
        readers_.push_back(std::move(reader));
        asio::co_spawn(io_, read(*readers_.back()), asio::detached);
    }
    while (ready_ < readers_.size()) {
        timer_.expires_after(pace);
        co_await timer_.async_wait(asio::use_awaitable);
    }
    co_await send();
    co_return Result<void>{};
}

asio::awaitable<void> FanoutLoad::send() {
    const Result<double> cpu = cpu_seconds(settings_.master_pid);
    if (!cpu) {
        fail_with(cpu.error());
        co_return;
    }
    cpu_begin_seconds_ = *cpu;
    begin_ = SteadyClock::now();
    for (std::uint64_t sent = 0; sent < to_send_;) {
        const double passed = seconds_between(begin_, SteadyClock::now());
        const auto due = std::min<std::uint64_t>(
            to_send_, static_cast<std::uint64_t>(passed * settings_.events_per_second) + 1);
        for (; sent < due; ++sent) agent_->update(sent);
        timer_.expires_after(pace);
        co_await timer_.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<void> FanoutLoad::read(Reader& reader) {
    for (;;) {
        const Result<std::string> bytes = co_await reader.stream->read();
        if (!bytes || bytes->empty()) {
            fail_with({Errc::io, "a reader that reads lost its stream"});
            co_return;
        }
        reader.partial += *bytes;
        std::string_view rest = reader.partial;
        for (;;) {
            const std::size_t line = rest.find('\n');
            if (line == std::string_view::npos) break;
            std::size_t length = 0;
            if (std::from_chars(rest.data(), rest.data() + line, length).ec != std::errc{}) {
                fail_with({Errc::io, "the stream is not RecordIO"});
                co_return;
            }
            if (rest.size() < line + 1 + length) break;
            take(reader, rest.substr(line + 1, length));
            rest.remove_prefix(line + 1 + length);
        }
        reader.partial.erase(0, reader.partial.size() - rest.size());
    }
}

void FanoutLoad::take(Reader& reader, std::string_view record) {
    if (!reader.is_ready) {  // The snapshot.
        reader.is_ready = true;
        ++ready_;
        return;
    }
    // The type is the first field: its tag and its value are one byte each.
    const bool is_update = record.size() > 2 && record[1] == mesos::v1::master::Event::TASK_UPDATED;
    if (is_update) note_update(reader, record);
}

void FanoutLoad::note_update(Reader& reader, std::string_view record) {
    if (reader.is_sampled && event_.ParseFromArray(record.data(), static_cast<int>(record.size())))
        lags_us_.push_back((wall_seconds() - event_.task_updated().status().timestamp()) * 1e6);
    if (++reader.updates < to_send_ || ++done_readers_ < readers_.size()) return;
    end_ = SteadyClock::now();
    cpu_end_seconds_ = cpu_seconds(settings_.master_pid).value_or(0);
    memory_end_mb_ = resident_mb(settings_.master_pid);
    io_.stop();
}

void FanoutLoad::fail_with(Error error) {
    if (!error_) error_ = std::move(error);
    io_.stop();
}

Result<Figures> FanoutLoad::figures() const {
    if (error_) return std::unexpected(*error_);
    if (done_readers_ < readers_.size())
        return fail(Errc::timeout, "{} of {} readers had all events in time", done_readers_,
                    readers_.size());
    const double span = seconds_between(begin_, end_);
    Figures figures;
    figures.add("seconds", span);
    figures.add("delivered_per_second",
                static_cast<double>(to_send_) * static_cast<double>(readers_.size()) / span);
    figures.add("source_per_second", static_cast<double>(to_send_) / span);
    figures.add("stalled", static_cast<double>(stalled_.size()));
    figures.add("master_cpu_seconds", cpu_end_seconds_ - cpu_begin_seconds_);
    figures.add("master_mb", memory_end_mb_);
    figures.add("master_growth_mb", memory_end_mb_ - memory_begin_mb_);
    figures.add_quantiles("lag_us", lags_us_);
    return figures;
}

}  // namespace tepui::bench
