// tepui-unlayer: see protocol.h.

#include <clocale>
#include <cstdlib>
#include <new>
#include <string>

#include <unistd.h>

#include "unlayer/jail.h"
#include "unlayer/layer.h"
#include "unlayer/tree.h"

namespace {

using namespace tepui::unlayer;

class Report {
public:
    Report& field(const std::string& text) {
        bytes_ += text;
        bytes_ += '\0';
        return *this;
    }
    bool send() const {
        for (std::size_t done = 0; done < bytes_.size();) {
            const ssize_t wrote =
                ::write(STDOUT_FILENO, bytes_.data() + done, bytes_.size() - done);
            if (wrote <= 0) return false;
            done += static_cast<std::size_t>(wrote);
        }
        return true;
    }

private:
    std::string bytes_;
};

int fail(const char* kind, const std::string& text) {
    Report().field("error").field(kind).field(text).send();
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return fail("io", "it is started with two numbers");
    const Limits limits{std::strtoull(argv[1], nullptr, 10), std::strtoull(argv[2], nullptr, 10)};
    std::setlocale(LC_CTYPE, "C.UTF-8");  // Names are bytes that mostly are UTF-8.
    if (const char* failed = enter_jail(limits.bytes_max)) return fail("io", failed);
    try {
        const Unpacked unpacked = unpack_layer(STDIN_FILENO, limits);
        // What is behind the compressed stream means nothing, but whoever sends it waits.
        static char rest[1 << 16];
        while (::read(STDIN_FILENO, rest, sizeof rest) > 0) continue;
        Report report;
        for (const std::string& path : unpacked.opaque) report.field("opaque").field(path);
        report.field("done").field(unpacked.sha256);
        report.field(std::to_string(unpacked.bytes)).field(std::to_string(unpacked.files));
        report.field(std::to_string(unpacked.skipped));
        return report.send() ? 0 : 1;
    } catch (const Failure& failure) {
        return fail(failure.kind, failure.text);
    } catch (const std::bad_alloc&) {
        return fail("too_large", "it needs too much memory");
    }
}
