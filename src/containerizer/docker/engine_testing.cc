#include "containerizer/docker/engine_testing.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

namespace tepui::containerizer::docker {
namespace {

void send_all(int connection, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::string chunk(const std::string& bytes) {
    return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

constexpr const char* k_streaming = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

FakeEngine::FakeEngine(std::string socket_path) : socket_path_(std::move(socket_path)) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path_.c_str(), sizeof address.sun_path - 1);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 128) != 0)
        throw std::runtime_error("no socket at " + socket_path_);
    thread_ = std::thread([this] { accept(); });
}

FakeEngine::~FakeEngine() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (std::thread& each : connections_) each.join();
    ::close(listener_);
    ::unlink(socket_path_.c_str());
}

void FakeEngine::set_fault(Fault fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
}

void FakeEngine::hang(const std::string& part) {
    const std::lock_guard lock(mutex_);
    hanging_ = part;
}

void FakeEngine::resume() {
    {
        const std::lock_guard lock(mutex_);
        hanging_.clear();
    }
    changed_.notify_all();
}

void FakeEngine::end(int exit_code, bool out_of_memory) {
    {
        const std::lock_guard lock(mutex_);
        status_ = "exited";
        exit_code_ = exit_code;
        out_of_memory_ = out_of_memory;
    }
    changed_.notify_all();
}

void FakeEngine::set_labels_of(const std::string& container, const std::string& work_dir) {
    const std::lock_guard lock(mutex_);
    labels_ =
        fmt::format(R"({{"tepui.container":"{}","tepui.work_dir":"{}"}})", container, work_dir);
}

void FakeEngine::set_status(const std::string& status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
}

std::size_t FakeEngine::count(const std::string& part) const {
    const std::lock_guard lock(mutex_);
    std::size_t found = 0;
    for (const Call& call : calls_)
        if ((call.method + " " + call.path).find(part) != std::string::npos) ++found;
    return found;
}

bool FakeEngine::await(const std::string& part) const {
    for (int i = 0; i < 6'000; ++i) {
        if (count(part) > 0) return true;
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::milliseconds(10));
    }
    return false;
}

std::string FakeEngine::answer(int status, const std::string& body) {
    return fmt::format("HTTP/1.1 {} X\r\nApi-Version: 1.41\r\nContent-Length: {}\r\n\r\n{}", status,
                       body.size(), body);
}

void FakeEngine::accept() {
    for (;;) {
        const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) return;
        connections_.emplace_back([this, connection] {
            serve(connection);
            ::close(connection);
        });
    }
}

void FakeEngine::serve(int connection) {
    std::string text;
    std::size_t head = 0;
    std::size_t body = 0;
    char buffer[4096];
    while ((head = text.find("\r\n\r\n")) == std::string::npos || text.size() < head + 4 + body) {
        const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
        if (got <= 0) return;
        text.append(buffer, static_cast<std::size_t>(got));
        const std::size_t length = text.find("Content-Length: ");
        if (length != std::string::npos)
            body = std::strtoul(text.c_str() + length + 16, nullptr, 10);
    }
    Call call{text.substr(0, text.find(' ')), {}, text.substr(head + 4)};
    call.path = text.substr(call.method.size() + 1);
    call.path.resize(call.path.find(' '));
    if (call.path.starts_with("/v1.")) call.path.erase(0, call.path.find('/', 1));
    std::optional<std::string> bytes;
    {
        std::unique_lock lock(mutex_);
        calls_.push_back(call);
        changed_.notify_all();
        changed_.wait(lock, [&] {
            return stopping_ || hanging_.empty() || call.path.find(hanging_) == std::string::npos;
        });
        if (stopping_) return;
        if (fault_) bytes = fault_(call);
    }
    send_all(connection, bytes ? *bytes : usual(call, connection));
}

template <typename Condition>
void FakeEngine::wait(Condition&& condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopping_ || condition(); });
}

std::string FakeEngine::usual(const Call& call, int connection) {
    const auto has = [&](std::string_view part) {
        return call.path.find(part) != std::string::npos;
    };
    if (has("/_ping")) return answer(200, "OK");
    if (has("/images/")) return answer(200, "{}");
    if (has("/logs")) return stream_logs(connection), "";
    if (has("/events")) return stream_events(connection), "";
    if (has("/exec/")) {
        const bool terminal = call.body.find("\"Tty\":true") != std::string::npos;
        if (has("/start")) return stream_exec(connection, terminal), "";
        return answer(200, R"({"Running":false,"ExitCode":7,"Pid":0})");
    }
    if (has("/exec")) return answer(201, R"({"Id":"ex"})");
    std::unique_lock lock(mutex_);
    if (has("/containers/create")) {
        const std::size_t labels = call.body.find("\"Labels\":");
        labels_ = call.body.substr(labels + 9, call.body.find('}', labels) - labels - 8);
        status_ = "created";
        return answer(201, R"({"Id":"abc"})");
    }
    if (has("/containers/json")) {
        if (status_.empty()) return answer(200, "[]");
        return answer(
            200, fmt::format(R"([{{"Id":"abc","State":"{}","Labels":{}}}])", status_, labels_));
    }
    if (status_.empty()) return answer(404, R"({"message":"No such container"})");
    if (call.method == "DELETE") {
        status_.clear();
        changed_.notify_all();
        return answer(204, "");
    }
    if (has("/start")) {
        status_ = "running";
        return answer(204, "");
    }
    if (has("/kill")) {
        status_ = "exited";
        exit_code_ = has("SIGKILL") ? 137 : 143;
        changed_.notify_all();
        return answer(204, "");
    }
    return answer(200, inspect());
}

std::string FakeEngine::inspect() const {
    return fmt::format(
        R"({{"Id":"abc","State":{{"Status":"{}","Running":{},"Pid":{},"ExitCode":{},"OOMKilled":{},)"
        R"("Error":"","FinishedAt":"2026-11-23T02:29:01.495900878Z"}},"Config":{{"Labels":{}}},)"
        R"("NetworkSettings":{{"Networks":{{"bridge":{{"IPAddress":"172.17.0.9"}}}}}}}})",
        status_, status_ == "running", status_ == "running" ? 4242 : 0, exit_code_, out_of_memory_,
        labels_.empty() ? "{}" : labels_);
}

void FakeEngine::stream_logs(int connection) {
    const std::string line = "2026-11-23T02:28:59.000000001Z hello\n";
    const std::string frame =
        std::string{1, 0, 0, 0, 0, 0, 0, static_cast<char>(line.size())} + line;
    send_all(connection, k_streaming);
    // Cut in the middle of a frame, as a network would.
    send_all(connection, chunk(frame.substr(0, 5)));
    send_all(connection, chunk(frame.substr(5)));
    wait([this] { return status_ != "running"; });
    send_all(connection, "0\r\n\r\n");
}

void FakeEngine::stream_exec(int connection, bool terminal) {
    const auto frame = [&](char stream, const std::string& bytes) {
        if (terminal) return bytes;
        return std::string{stream, 0, 0, 0, 0, 0, 0, static_cast<char>(bytes.size())} + bytes;
    };
    // With the head, as an Engine that is quick may.
    send_all(connection, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" +
                             frame(1, "ready\n"));
    char buffer[100];
    for (;;) {
        const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        const std::string bytes(buffer, static_cast<std::size_t>(got));
        if (terminal && bytes == "q") break;
        send_all(connection, frame(1, bytes));
    }
    send_all(connection, frame(2, "bye\n"));
}

void FakeEngine::stream_events(int connection) {
    send_all(connection, k_streaming);
    std::string before;
    for (;;) {
        wait([&] { return status_ != before; });
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        before = status_;
        if (before == "exited")
            send_all(connection, chunk("{\"Action\":\"die\",\"Actor\":{\"ID\":\"abc\"}}\n"));
    }
}

}  // namespace tepui::containerizer::docker
