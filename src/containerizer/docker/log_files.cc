#include "containerizer/docker/log_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "containerizer/beneath.h"

namespace tepui::containerizer::docker {
namespace {

// Streams of one container are stamped by two writers, microseconds apart at most; a stream that
// has said nothing is looked at from this long before the other's last line.
constexpr std::int64_t k_margin_s = 10;
constexpr std::size_t k_record_bytes = 512;

struct stat status_of(int fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) status = {};
    return status;
}

std::string file_name(const char* name, std::uint32_t number) {
    return number == 0 ? std::string(name) : fmt::format("{}.{}", name, number);
}

}  // namespace

Result<std::unique_ptr<LogFiles>> LogFiles::open(Descriptor sandbox, const std::string& record,
                                                 LogLimits limits, Owner owner) {
    Descriptor position(::open(record.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!position) return fail(Errc::io, "cannot open '{}': {}", record, errno_text());
    std::unique_ptr<LogFiles> files(new LogFiles(std::move(sandbox), std::move(position), owner));
    files->read_record();
    for (std::size_t i = 0; i < limits.size(); ++i) files->streams_[i].limit = limits[i];
    for (Stream& stream : files->streams_) {
        TEPUI_CHECK_OK(files->open_file(stream, false));
        if (stream.inode != 0) continue;
        const struct stat now = status_of(stream.file.get());
        stream.inode = now.st_ino;
        stream.size = static_cast<std::uint64_t>(now.st_size);
    }
    return files;
}

/// The task may have planted links, pipes or hard links: only a regular file with this one name
/// will do.
Result<void> LogFiles::open_file(Stream& stream, bool fresh) {
    const std::uint64_t flags =
        O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | (fresh ? O_EXCL : 0);
    Result<Descriptor> file = open_beneath(sandbox_.get(), stream.name, flags, 0644);
    if (file) {
        const struct stat status = status_of(file->get());
        if (!S_ISREG(status.st_mode) || status.st_nlink != 1)
            file = fail(Errc::denied, "'{}' of the sandbox is no plain file", stream.name);
    }
    if (!file) {
        ::unlinkat(sandbox_.get(), stream.name, 0);
        file = open_beneath(sandbox_.get(), stream.name, flags | O_EXCL, 0644);
    }
    if (!file) return fail_with(fmt::format("'{}' of the sandbox", stream.name), file.error());
    if (owner_) (void)!::fchown(file->get(), owner_->first, owner_->second);
    stream.file = std::move(*file);
    return {};
}

void LogFiles::read_record() {
    char text[k_record_bytes + 1] = "";
    const ssize_t got = ::pread(record_.get(), text, k_record_bytes, 0);
    if (got <= 0) return;
    std::array<Stream, 2> read{Stream{"stdout"}, Stream{"stderr"}};
    const char* at = text;
    for (Stream& stream : read) {
        char time[41] = "";
        int length = 0;
        if (std::sscanf(at, "%40s %" SCNu64 " %" SCNu64 " %" SCNu64 " %n", time, &stream.count,
                        &stream.inode, &stream.size, &length) != 4)
            return;
        if (time[0] != '-') stream.time = time;
        at += length;
    }
    for (std::size_t i = 0; i < read.size(); ++i) streams_[i] = std::move(read[i]);
}

void LogFiles::write_record() {
    std::string text;
    for (const Stream& stream : streams_)
        text += fmt::format("{} {} {} {} ", stream.time.empty() ? "-" : stream.time, stream.count,
                            stream.inode, stream.size);
    text.resize(k_record_bytes, '\n');  // One write over the whole of the former one.
    (void)!::pwrite(record_.get(), text.data(), text.size(), 0);
}

/// Bytes that were written after the record was.
std::uint64_t LogFiles::unrecorded(const Stream& stream) const {
    const struct stat now = status_of(stream.file.get());
    const auto size = static_cast<std::uint64_t>(now.st_size);
    if (now.st_ino == stream.inode) return size > stream.size ? size - stream.size : 0;
    // It was rotated since.
    const auto former =
        open_beneath(sandbox_.get(), file_name(stream.name, 1), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!former) return 0;
    const struct stat before = status_of(former->get());
    const auto former_size = static_cast<std::uint64_t>(before.st_size);
    const std::uint64_t both = former_size + size;
    return before.st_ino == stream.inode && both > stream.size ? both - stream.size : 0;
}

std::string LogFiles::begin() {
    cutter_ = {};
    for (Stream& stream : streams_) {
        stream.skip = unrecorded(stream);
        stream.seen = 0;
        stream.replaying = true;
    }
    const auto& [first, second] = std::minmax(streams_[0].time, streams_[1].time);
    if (second.empty()) return "0";
    const std::string floor = since_text(second, k_margin_s);
    if (first.empty()) return floor;
    const std::string from = since_text(first, 0);
    const bool older = from.size() < floor.size() || (from.size() == floor.size() && from < floor);
    return older ? floor : from;
}

Result<void> LogFiles::take(std::string_view bytes) {
    const Result<void> cut = cutter_.feed(bytes, [this](const LogFrame& frame) { accept(frame); });
    write_record();
    return cut;
}

void LogFiles::accept(const LogFrame& frame) {
    Stream& stream = streams_[frame.is_stderr ? 1 : 0];
    if (stream.replaying) {
        if (frame.time < stream.time) return;
        if (frame.time == stream.time && stream.seen++ < stream.count) return;
        stream.replaying = false;  // From here on all of it is new, also when a clock is set back.
    }
    if (frame.time == stream.time) {
        ++stream.count;
    } else {
        stream.time = frame.time;
        stream.count = 1;
    }
    const std::size_t had = std::min<std::uint64_t>(stream.skip, frame.bytes.size());
    stream.skip -= had;
    if (had > 0 && stream.skip == 0) {
        // The file is as the record will say.
        const struct stat now = status_of(stream.file.get());
        stream.inode = now.st_ino;
        stream.size = static_cast<std::uint64_t>(now.st_size);
    } else if (had > 0) {
        stream.size += had;
    }
    store(stream, frame.bytes.substr(had));
}

void LogFiles::store(Stream& stream, std::string_view bytes) {
    if (bytes.empty()) return;
    if (stream.limit.bytes_max > 0 && stream.size > 0 &&
        stream.size + bytes.size() > stream.limit.bytes_max)
        rotate(stream);
    while (!bytes.empty()) {
        const ssize_t wrote = ::write(stream.file.get(), bytes.data(), bytes.size());
        if (wrote < 0 && errno == EINTR) continue;
        // A full disk must not stop the task: what does not fit is lost.
        if (wrote <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
        stream.size += static_cast<std::uint64_t>(wrote);
    }
}

/// stdout -> stdout.1 -> stdout.2 ...; when the task is in the way, the file is emptied instead.
void LogFiles::rotate(Stream& stream) {
    write_record();
    bool moved = false;
    for (std::uint32_t i = stream.limit.files_max > 1 ? stream.limit.files_max - 1 : 0; i > 0;
         --i) {
        const std::string from = file_name(stream.name, i - 1);
        const std::string to = file_name(stream.name, i);
        const int failed = ::renameat(sandbox_.get(), from.c_str(), sandbox_.get(), to.c_str());
        if (i == 1) moved = failed == 0;
    }
    if (!moved || !open_file(stream, true)) (void)!::ftruncate(stream.file.get(), 0);
    const struct stat now = status_of(stream.file.get());
    stream.inode = now.st_ino;
    stream.size = static_cast<std::uint64_t>(now.st_size);
    write_record();
}

}  // namespace tepui::containerizer::docker
