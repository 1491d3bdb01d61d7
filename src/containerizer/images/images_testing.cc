#include "containerizer/images/images_testing.h"

#include <archive.h>
#include <archive_entry.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "containerizer/images/digest.h"

namespace tepui::containerizer::images {

TestTar& TestTar::file(const std::string& name, const std::string& data, unsigned mode,
                       unsigned uid, unsigned gid) {
    entries_.push_back({name, '0', data, mode, uid, gid, "", 0, 0, "", ""});
    return *this;
}

TestTar& TestTar::directory(const std::string& name, unsigned mode) {
    entries_.push_back({name, '5', "", mode, 0, 0, "", 0, 0, "", ""});
    return *this;
}

TestTar& TestTar::symlink(const std::string& name, const std::string& target) {
    entries_.push_back({name, '2', "", 0777, 0, 0, target, 0, 0, "", ""});
    return *this;
}

TestTar& TestTar::hardlink(const std::string& name, const std::string& target) {
    entries_.push_back({name, '1', "", 0644, 0, 0, target, 0, 0, "", ""});
    return *this;
}

TestTar& TestTar::device(const std::string& name, unsigned major, unsigned minor) {
    entries_.push_back({name, '4', "", 0666, 0, 0, "", major, minor, "", ""});
    return *this;
}

TestTar& TestTar::attribute(const std::string& name, const std::string& key,
                            const std::string& value) {
    entries_.push_back({name, '0', "x", 0644, 0, 0, "", 0, 0, key, value});
    return *this;
}

std::string TestTar::bytes() const { return write(false); }
std::string TestTar::gzip() const { return write(true); }

std::string TestTar::write(bool compressed) const {
    std::string out;
    const auto append = [](archive*, void* to, const void* bytes, std::size_t count) {
        static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), count);
        return static_cast<la_ssize_t>(count);
    };
    const std::unique_ptr<archive, int (*)(archive*)> tar(archive_write_new(), archive_write_free);
    archive_write_set_format_pax_restricted(tar.get());
    archive_write_set_bytes_in_last_block(tar.get(), 1);  // The same bytes, compressed or not.
    if (compressed) {
        archive_write_add_filter_gzip(tar.get());
        // The same bytes at any time.
        archive_write_set_filter_option(tar.get(), "gzip", "timestamp", nullptr);
    }
    archive_write_open(tar.get(), &out, nullptr, append, nullptr);
    for (const Entry& each : entries_) {
        const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                             archive_entry_free);
        archive_entry_set_pathname(entry.get(), each.name.c_str());
        archive_entry_set_filetype(entry.get(), each.type == '5'   ? AE_IFDIR
                                                : each.type == '2' ? AE_IFLNK
                                                : each.type == '4' ? AE_IFBLK
                                                                   : AE_IFREG);
        archive_entry_set_perm(entry.get(), each.mode);
        archive_entry_set_uid(entry.get(), each.uid);
        archive_entry_set_gid(entry.get(), each.gid);
        archive_entry_set_mtime(entry.get(), 1'000'000, 0);
        if (each.type == '2') archive_entry_set_symlink(entry.get(), each.link.c_str());
        if (each.type == '1') archive_entry_set_hardlink(entry.get(), each.link.c_str());
        if (each.type == '4') {
            archive_entry_set_rdevmajor(entry.get(), each.major);
            archive_entry_set_rdevminor(entry.get(), each.minor);
        }
        if (!each.key.empty())
            archive_entry_xattr_add_entry(entry.get(), each.key.c_str(), each.value.data(),
                                          each.value.size());
        if (each.type == '0')
            archive_entry_set_size(entry.get(), static_cast<la_int64_t>(each.data.size()));
        archive_write_header(tar.get(), entry.get());
        if (each.type == '0') archive_write_data(tar.get(), each.data.data(), each.data.size());
    }
    archive_write_close(tar.get());
    return out;
}

ScriptedServer::ScriptedServer(std::function<Answer(const Asked&)> answer, const std::string& ip)
    : answer_(std::move(answer)), ip_(ip) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw std::runtime_error("no port");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
    }
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    threads_.clear();
    for (const int fd : connections_) ::close(fd);
    ::close(listener_);
}

void ScriptedServer::accept_all() {
    for (;;) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        const std::lock_guard lock(mutex_);
        connections_.push_back(fd);
        if (stopping_) return;
        threads_.emplace_back([this, fd] { serve(fd); });
    }
}

void ScriptedServer::serve(int fd) {
    std::string in;
    char buffer[65536];
    const auto more = [&] {
        const ssize_t count = ::read(fd, buffer, sizeof buffer);
        if (count > 0) in.append(buffer, static_cast<std::size_t>(count));
        return count > 0;
    };
    for (;;) {
        std::size_t end = 0;
        while ((end = in.find("\r\n\r\n")) == std::string::npos)
            if (!more() || in[0] == 0x16) {  // 0x16: TLS, which this server does not speak.
                ::shutdown(fd, SHUT_RDWR);
                return;
            }
        Asked asked;
        std::string head = in.substr(0, end + 2);
        in.erase(0, end + 4);
        asked.method = head.substr(0, head.find(' '));
        const std::size_t target = asked.method.size() + 1;
        asked.target = head.substr(target, head.find(' ', target) - target);
        for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
            const std::size_t line_end = head.find("\r\n", at);
            const std::string line = head.substr(at, line_end - at);
            const std::size_t colon = line.find(": ");
            std::string name = line.substr(0, colon);
            std::ranges::transform(name, name.begin(), [](char c) { return std::tolower(c); });
            if (colon != std::string::npos) asked.headers[name] = line.substr(colon + 2);
            at = line_end + 2;
        }
        const std::size_t body = std::strtoul(asked.header("content-length").c_str(), nullptr, 10);
        while (in.size() < body && more()) continue;
        asked.body = in.substr(0, body);
        in.erase(0, body);
        {
            const std::lock_guard lock(mutex_);
            asked_.push_back(asked);
        }
        const Answer answer = answer_(asked);
        std::string out = "HTTP/1.1 " + std::to_string(answer.status) +
                          " Said\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n";
        for (const auto& [name, value] : answer.headers) out += name + ": " + value + "\r\n";
        out += "\r\n";
        if (asked.method != "HEAD")
            out += answer.body.substr(0, answer.cut_after.value_or(answer.body.size()));
        for (std::size_t sent = 0; sent < out.size();) {
            const ssize_t count = ::send(fd, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
            if (count <= 0) return;
            sent += static_cast<std::size_t>(count);
        }
        if (answer.stall) {
            while (more()) continue;
            return;
        }
        if (answer.cut_after) {
            ::shutdown(fd, SHUT_RDWR);
            return;
        }
    }
}

std::vector<Asked> ScriptedServer::asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
}

std::size_t ScriptedServer::count(const std::string& target) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::ranges::count_if(asked_, [&](const Asked& asked) { return asked.target == target; }));
}

std::string TestRegistry::add(const std::string& reference, const std::vector<TestTar>& layers,
                              const std::string& config) {
    std::string diff_ids;
    std::string list;
    for (const TestTar& layer : layers) {
        const std::string packed = layer.gzip();
        const std::string digest = digest_of(packed);
        blobs[digest] = packed;
        diff_ids += (diff_ids.empty() ? "\"" : ",\"") + digest_of(layer.bytes()) + "\"";
        list += (list.empty() ? "" : ",") +
                (R"({"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":")" +
                 digest + R"(","size":)" + std::to_string(packed.size()) + "}");
    }
    const std::string file = R"({"os":"linux","config":)" + config +
                             R"(,"rootfs":{"type":"layers","diff_ids":[)" + diff_ids + "]}}";
    blobs[digest_of(file)] = file;
    const std::string manifest =
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)"
        R"({"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
        digest_of(file) + R"(","size":)" + std::to_string(file.size()) + R"(},"layers":[)" + list +
        "]}";
    manifests[reference] = manifest;
    manifests[digest_of(manifest)] = manifest;
    return digest_of(manifest);
}

Answer TestRegistry::serve(const Asked& asked) const {
    if (first)
        if (std::optional<Answer> answer = first(asked)) return *std::move(answer);
    const std::string last = asked.target.substr(asked.target.rfind('/') + 1);
    if (asked.target.find("/manifests/") != std::string::npos)
        if (const auto found = manifests.find(last); found != manifests.end())
            return {200,
                    {{"Content-Type", "application/vnd.oci.image.manifest.v1+json"}},
                    found->second};
    if (asked.target.find("/blobs/") != std::string::npos)
        if (const auto found = blobs.find(last); found != blobs.end())
            return {200, {{"Content-Type", "application/octet-stream"}}, found->second};
    return {404,
            {{"Content-Type", "application/json"}},
            R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]})"};
}

ImageOptions test_options(const std::string& directory) {
    ImageOptions options;
    options.docker = true;
    options.store_dir = directory + "/store";
    options.backoff_min = 1ms;
    options.backoff_max = 20ms;
    options.attempts_max = 3;
    options.stall_timeout = 10s;
    return options;
}

}  // namespace tepui::containerizer::images
