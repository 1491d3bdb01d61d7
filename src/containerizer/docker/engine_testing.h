#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tepui::containerizer::docker {

/// A Docker Engine for tests: answers on a unix socket, a thread for each connection. It has one
/// container after another; tests say how calls go wrong. A command in it says what it is told, in
/// a terminal until a "q" comes, else until the end of its input, and then "bye" on stderr; it ends
/// with status 7.
class FakeEngine {
public:
    struct Call {
        std::string method;
        std::string path;  // Without the version.
        std::string body;
    };
    /// The raw bytes of an answer in place of the usual one; nothing: the usual.
    using Fault = std::function<std::optional<std::string>(const Call&)>;

    explicit FakeEngine(std::string socket_path);
    ~FakeEngine();

    void set_fault(Fault fault);
    /// The same for calls whose path contains `part`: no answer at all until resume().
    void hang(const std::string& part);
    void resume();
    /// The container ends.
    void end(int exit_code, bool out_of_memory = false);
    void set_labels_of(const std::string& container, const std::string& work_dir);
    void set_status(const std::string& status);
    /// Calls whose method and path contain `part`.
    std::size_t count(const std::string& part) const;
    /// Waits until there is one; false: in vain.
    bool await(const std::string& part) const;

    /// Bytes that answer with `status` and a JSON body.
    static std::string answer(int status, const std::string& body);

private:
    void accept();
    void serve(int connection);
    std::string usual(const Call& call, int connection);
    std::string inspect() const;
    void stream_logs(int connection);
    void stream_events(int connection);
    void stream_exec(int connection, bool terminal);
    template <typename Condition>
    void wait(Condition&& condition);

    const std::string socket_path_;
    int listener_ = -1;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool stopping_ = false;
    Fault fault_;
    std::string hanging_;
    std::vector<Call> calls_;
    std::string status_;  // Empty: there is no container.
    std::string labels_;  // JSON.
    int exit_code_ = 0;
    bool out_of_memory_ = false;
    std::vector<std::thread> connections_;
    std::thread thread_;
};

}  // namespace tepui::containerizer::docker
