#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/temporary_directory_testing.h"
#include "containerizer/images/image_store.h"

namespace tepui::containerizer::images {

/// A tar, written entry by entry.
class TestTar {
public:
    TestTar& file(const std::string& name, const std::string& data = "", unsigned mode = 0644,
                  unsigned uid = 0, unsigned gid = 0);
    TestTar& directory(const std::string& name, unsigned mode = 0755);
    TestTar& symlink(const std::string& name, const std::string& target);
    TestTar& hardlink(const std::string& name, const std::string& target);
    TestTar& device(const std::string& name, unsigned major, unsigned minor);
    TestTar& attribute(const std::string& name, const std::string& key, const std::string& value);
    /// The whole archive.
    std::string bytes() const;
    std::string gzip() const;

private:
    struct Entry {
        std::string name;
        char type;
        std::string data;
        unsigned mode = 0644;
        unsigned uid = 0;
        unsigned gid = 0;
        std::string link;
        unsigned major = 0;
        unsigned minor = 0;
        std::string key;
        std::string value;
    };
    std::string write(bool compressed) const;
    std::vector<Entry> entries_;
};

/// What a client asked.
struct Asked {
    std::string method;
    std::string target;
    std::map<std::string, std::string> headers;  // Names in lower case.
    std::string body;
    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? "" : found->second;
    }
};

struct Answer {
    int status = 200;
    std::map<std::string, std::string> headers = {};
    std::string body = {};
    std::optional<std::size_t> cut_after = {};  // Closes when so much of the body was sent.
    bool stall = false;                         // Then says nothing until the server ends.
};

/// An HTTP server on a loopback port that answers as a function says; a thread a connection.
class ScriptedServer {
public:
    explicit ScriptedServer(std::function<Answer(const Asked&)> answer,
                            const std::string& ip = "127.0.0.1");
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;
    ~ScriptedServer();

    std::string host() const { return ip_ + ":" + std::to_string(port_); }
    std::vector<Asked> asked() const;
    /// How many requests were for exactly this target.
    std::size_t count(const std::string& target) const;

private:
    void accept_all();
    void serve(int fd);

    std::function<Answer(const Asked&)> answer_;
    std::string ip_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::vector<Asked> asked_;
    std::vector<int> connections_;
    bool stopping_ = false;
    std::vector<std::jthread> threads_;
    std::jthread acceptor_;
};

/// Documents and blobs of a registry; `serve` answers for them, unless `first` does.
struct TestRegistry {
    std::map<std::string, std::string> manifests;  // By reference; also by their digests.
    std::map<std::string, std::string> blobs;      // By digest.
    std::function<std::optional<Answer>(const Asked&)> first;

    /// Adds an image of these (packed) layers and returns its manifest's digest.
    std::string add(const std::string& reference, const std::vector<TestTar>& layers,
                    const std::string& config = "{}");
    Answer serve(const Asked& asked) const;
};

/// Options with short pauses, for a store in `directory`.
ImageOptions test_options(const std::string& directory);

}  // namespace tepui::containerizer::images
