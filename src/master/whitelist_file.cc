#include "master/whitelist_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace tepui::master {
namespace {

constexpr std::size_t bytes_max = 16 << 20;

}  // namespace

std::set<std::string> parse_whitelist(const std::string& text) {
    constexpr const char* blanks = " \t\r";
    std::set<std::string> hostnames;
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        const std::size_t begin = line.find_first_not_of(blanks);
        if (begin == std::string::npos) continue;
        hostnames.insert(line.substr(begin, line.find_last_not_of(blanks) - begin + 1));
    }
    return hostnames;
}

Result<std::set<std::string>> read_whitelist(const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text(bytes_max + 1, '\0');
    if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad()) {
        return fail(errno == ENOENT ? Errc::not_found : Errc::io, "reading the whitelist {}: {}",
                    path, errno != 0 ? std::strerror(errno) : "it is no file");
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > bytes_max) {
        return fail(Errc::too_large, "the whitelist {} is longer than {} MB", path,
                    bytes_max >> 20);
    }
    return parse_whitelist(text);
}

WhitelistWatch::WhitelistWatch(std::string path, std::set<std::string> known, Duration interval,
                               Told told)
    : thread_([this, path = std::move(path), known = std::move(known), interval,
               told = std::move(told)](const std::stop_token& stop) mutable {
          bool failed = false;
          std::unique_lock lock(mutex_);
          while (!changed_.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
              auto read = read_whitelist(path);
              const bool told_already = !read ? failed : *read == known;
              failed = !read;
              if (read) known = *read;
              if (!told_already) told(std::move(read));
          }
      }) {}

}  // namespace tepui::master
