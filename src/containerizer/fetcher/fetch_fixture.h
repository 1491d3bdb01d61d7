#pragma once

// For tests of the fetcher: servers that answer what a test says, archives, a sandbox.

#include <archive.h>
#include <archive_entry.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "containerizer/containerizer_fixture.h"
#include "containerizer/descriptor.h"
#include "containerizer/fetcher/fetcher.h"
#include "containerizer/unpack/unpack.h"

namespace tepui::containerizer::fetcher {

/// Answers every connection by what its function makes of the request and of its number (from 0),
/// as it is, and closes it; an answer that ends with its head stalls until the peer goes.
class TinyServer {
public:
    using Answer = std::function<std::string(const std::string& request, std::size_t number)>;

    explicit TinyServer(Answer answer) : answer_(std::move(answer)) {
        listener_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener_.get(), 64), 0);
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread([this] { serve(); });
    }
    /// These one after the other; connections after the last are closed unanswered.
    explicit TinyServer(std::vector<std::string> answers)
        : TinyServer([answers = std::move(answers)](const std::string&, std::size_t number) {
              return number < answers.size() ? answers[number] : std::string();
          }) {}
    ~TinyServer() { ::shutdown(listener_.get(), SHUT_RDWR); }

    std::string url(const std::string& path) const {
        return fmt::format("http://127.0.0.1:{}{}", port_, path);
    }
    int port() const { return port_; }
    std::vector<std::string> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

private:
    static std::string read_head(int peer) {
        std::string head;
        char buffer[4096];
        while (head.find("\r\n\r\n") == std::string::npos) {
            const ssize_t got = ::read(peer, buffer, sizeof buffer);
            if (got <= 0) break;
            head.append(buffer, static_cast<std::size_t>(got));
        }
        return head;
    }

    void serve() {
        for (std::size_t number = 0;; ++number) {
            const Descriptor peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!peer) return;
            const std::string request = read_head(peer.get());
            {
                const std::lock_guard lock(mutex_);
                requests_.push_back(request);
            }
            const std::string answer = answer_(request, number);
            (void)!::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
            char byte = 0;
            if (answer.ends_with("\r\n\r\n")) (void)!::read(peer.get(), &byte, 1);  // Stalls.
        }
    }

    const Answer answer_;
    Descriptor listener_;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
    std::jthread thread_;
};

/// An answer with a length that may be a lie.
inline std::string answer(const std::string& status, const std::string& headers,
                          const std::string& body, std::size_t length) {
    return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}", status,
                       length, headers, body);
}
inline std::string answer(const std::string& status, const std::string& headers,
                          const std::string& body) {
    return answer(status, headers, body, body.size());
}
inline std::string ok(const std::string& body, const std::string& headers = {}) {
    return answer("200 OK", headers, body);
}
inline std::string redirect(const std::string& to) {
    return answer("302 Found", "Location: " + to + "\r\n", ".");
}

/// One entry of an archive to make.
struct Entry {
    std::string name;
    mode_t type = AE_IFREG;
    std::string content;  // Of a file; or the target of a link.
    bool hard_link = false;
    mode_t mode = 0640;
};

class FetchTest : public ContainerizerTest {
protected:
    void SetUp() override {
        ContainerizerTest::SetUp();
        sandbox_ = base_ + "/sandbox";
        std::filesystem::create_directory(sandbox_);
        directory_ = Descriptor(::open(sandbox_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        std::filesystem::create_directory(base_ + "/source");
        fetch_options_.unpack_program = unpack::program_beside(TEPUI_SHIM_PATH);
        fetch_options_.own.cache_dir = base_ + "/cache";
        fetch_options_.agent_user = "root";
    }
    void TearDown() override {
        fetcher_.reset();
        ContainerizerTest::TearDown();
    }

    /// Made by the first fetch, with fetch_options_ as they are then.
    Fetcher& fetcher() {
        if (!fetcher_) {
            auto made = Fetcher::make(fetch_options_);
            if (!made) throw std::runtime_error(made.error().text);
            fetcher_ = std::move(*made);
            fetcher_->log_to([this](const std::string& line) {
                const std::lock_guard lock(log_mutex_);
                log_ += line + "\n";
            });
        }
        return *fetcher_;
    }
    Result<void> fetch(const mesos::v1::CommandInfo& command, const User* user = nullptr) {
        const std::string container = "c1";
        return fetcher().fetch({command, variables_, container, directory_.get(), user},
                               cancelled_);
    }
    Result<void> fetch(const mesos::v1::CommandInfo::URI& uri, const User* user = nullptr) {
        mesos::v1::CommandInfo command;
        *command.add_uris() = uri;
        return fetch(command, user);
    }
    Result<void> fetch(const std::string& value, const std::string& output = {}) {
        mesos::v1::CommandInfo::URI uri;
        uri.set_value(value);
        if (!output.empty()) uri.set_output_file(output);
        return fetch(uri);
    }
    Result<void> fetch_cached(const std::string& value, const std::string& output) {
        mesos::v1::CommandInfo::URI uri;
        uri.set_value(value);
        uri.set_output_file(output);
        uri.set_cache(true);
        return fetch(uri);
    }
    std::string got(const std::string& name) const { return read(sandbox_ + "/" + name); }
    std::string log() const {
        const std::lock_guard lock(log_mutex_);
        return log_;
    }

    std::string make_archive(const std::string& name, const std::vector<Entry>& entries) const {
        const std::string path = base_ + "/source/" + name;
        archive* out = archive_write_new();
        if (name.ends_with(".zip"))
            archive_write_set_format_zip(out);
        else
            archive_write_set_format_pax_restricted(out);
        if (name.ends_with("gz")) archive_write_add_filter_gzip(out);
        if (name.ends_with("xz")) archive_write_add_filter_xz(out);
        if (name.ends_with("bz2")) archive_write_add_filter_bzip2(out);
        if (name.ends_with("zst")) archive_write_add_filter_zstd(out);
        EXPECT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
        for (const Entry& entry : entries) {
            archive_entry* header = archive_entry_new();
            archive_entry_set_pathname(header, entry.name.c_str());
            archive_entry_set_perm(header, entry.mode);
            archive_entry_set_filetype(header, entry.type);
            if (entry.hard_link)
                archive_entry_set_hardlink(header, entry.content.c_str());
            else if (entry.type == AE_IFLNK)
                archive_entry_set_symlink(header, entry.content.c_str());
            else if (entry.type == AE_IFREG)
                archive_entry_set_size(header, static_cast<la_int64_t>(entry.content.size()));
            EXPECT_GE(archive_write_header(out, header), ARCHIVE_WARN);
            if (entry.type == AE_IFREG && !entry.hard_link)
                archive_write_data(out, entry.content.data(), entry.content.size());
            archive_entry_free(header);
        }
        archive_write_close(out);
        archive_write_free(out);
        return path;
    }

    FetchOptions fetch_options_;
    Variables variables_;
    std::atomic<bool> cancelled_ = false;
    std::string sandbox_;
    Descriptor directory_;
    std::unique_ptr<Fetcher> fetcher_;
    mutable std::mutex log_mutex_;
    std::string log_;
};

}  // namespace tepui::containerizer::fetcher
