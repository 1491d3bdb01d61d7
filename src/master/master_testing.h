#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "http/client.h"
#include "mesos/v1/master/master.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "tepui/link.pb.h"
#include "wire/media.h"
#include "wire/recordio.h"

// Clients of a master over real sockets, for tests. Everything that waits has a deadline and fails
// the running test when it passes.
namespace tepui::master {

namespace asio = boost::asio;

inline constexpr Duration test_deadline = std::chrono::seconds{20};

/// A thread that runs clients' I/O.
class TestIo {
public:
    TestIo();
    ~TestIo();

    asio::io_context& context() { return context_; }
    template <typename T>
    T run(asio::awaitable<T> work) {
        auto future = asio::co_spawn(context_, std::move(work), asio::use_future);
        if (future.wait_for(test_deadline) != std::future_status::ready)
            throw std::runtime_error("a request was not answered in time");
        return future.get();
    }

private:
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    std::thread thread_;
};

/// Records that arrive over time, taken by the test.
class RecordQueue {
public:
    void push(std::string record);
    void end();
    /// The next record; nothing when the stream ended. Fails the test at the deadline.
    std::optional<std::string> next();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::string> records_;
    bool ended_ = false;
};

/// Reads a stream (http::ClientStream, http::Duplex) to its end, record by record.
template <typename Stream>
asio::awaitable<void> pump_records(std::shared_ptr<Stream> stream,
                                   std::shared_ptr<RecordQueue> records) {
    wire::RecordDecoder decoder;
    for (;;) {
        const Result<std::string> bytes = co_await stream->read();
        if (!bytes || bytes->empty() || !decoder.feed(*bytes)) break;
        while (auto record = decoder.next()) records->push(std::move(*record));
    }
    records->end();
}

/// Plain requests to a master.
class TestClient {
public:
    TestClient(TestIo& io, std::uint16_t port)
        : io_(io), port_(port), client_(io.context().get_executor()) {}

    http::ClientRequest make(std::string method, std::string target, std::string body = {}) const;
    http::Response send(http::ClientRequest request);
    http::Response get(std::string target) { return send(make("GET", std::move(target))); }
    http::Response post_json(std::string target, std::string json);
    /// An operator call given and answered in `media`.
    mesos::v1::master::Response call(const mesos::v1::master::Call& call, wire::Media media);

    TestIo& io() { return io_; }
    http::Client& client() { return client_; }

private:
    TestIo& io_;
    const std::uint16_t port_;
    http::Client client_;
};

/// A scheduler that speaks one of the two encodings.
class TestScheduler {
public:
    TestScheduler(TestIo& io, std::uint16_t port, wire::Media media)
        : client_(io, port), media_(media) {}
    ~TestScheduler() { disconnect(); }

    /// Opens the stream and returns the SUBSCRIBED event; sets ids.
    mesos::v1::scheduler::Event subscribe(mesos::v1::FrameworkInfo info);
    void disconnect();
    /// The next event of that type; others are skipped.
    mesos::v1::scheduler::Event next(mesos::v1::scheduler::Event::Type type);
    /// Sends a call of this framework and returns the status.
    unsigned send(mesos::v1::scheduler::Call call);
    bool stream_ended();

    const mesos::v1::FrameworkID& framework_id() const { return framework_id_; }
    const std::string& stream_id() const { return stream_id_; }

private:
    http::ClientRequest make_request(const mesos::v1::scheduler::Call& call) const;

    TestClient client_;
    const wire::Media media_;
    mesos::v1::FrameworkID framework_id_;
    std::string stream_id_;
    std::shared_ptr<http::ClientStream> stream_;
    std::shared_ptr<RecordQueue> records_;
};

/// The agent's end of a link.
class TestAgent {
public:
    TestAgent(TestIo& io, std::uint16_t port);
    ~TestAgent() { close(); }

    void send(const link::ToMaster& frame);
    void send_bytes(std::string bytes) { duplex_->push(std::move(bytes)); }
    /// The next frame with that message set; pings are answered, others skipped.
    link::ToAgent next(link::ToAgent::MessageCase message);
    /// Registers and returns the answer.
    link::AgentRegistered register_agent(mesos::v1::AgentInfo info);
    /// Whether the master closed the link.
    bool link_ended();
    void close();

    const std::string& id() const { return id_; }

private:
    TestIo& io_;
    TestClient client_;
    std::shared_ptr<http::Duplex> duplex_;
    std::shared_ptr<RecordQueue> records_ = std::make_shared<RecordQueue>();
    std::string id_;
};

/// An agent with 4 cpus, 1 GiB and ports; a framework with PARTITION_AWARE and MULTI_ROLE.
mesos::v1::AgentInfo test_agent_info(const std::string& hostname);
mesos::v1::FrameworkInfo test_framework_info();

}  // namespace tepui::master
