// tepui-unpack: unpacks one archive or layer, jailed. Started by the agent alone; see
// containerizer/unpack/unpack.h.
#include <unistd.h>

#include <clocale>
#include <new>

#include "containerizer/unpack/arguments.h"
#include "containerizer/unpack/jailed/extract.h"
#include "containerizer/unpack/jailed/jail.h"
#include "containerizer/unpack/jailed/layer.h"
#include "containerizer/unpack/output.h"

namespace {

namespace unpack = tepui::containerizer::unpack;

// A decompressor is told by the archive how much memory it wants. zstd's longest window is 2 GiB;
// what needs more than half of that is no layer.
constexpr std::uint64_t k_archive_memory_max = std::uint64_t{2} << 30;
constexpr std::uint64_t k_layer_memory_max = std::uint64_t{1} << 30;

tepui::Result<unpack::Unpacked> work(const std::vector<std::string>& argv) {
    const unpack::Arguments arguments = TEPUI_TRY(unpack::read_arguments(argv));
    ::close_range(unpack::k_answer_number + 1, ~0U, 0);
    std::setlocale(LC_CTYPE, "C.UTF-8");  // Names are UTF-8; read before the jail hides it.
    const bool layer = arguments.kind == unpack::Kind::layer;
    TEPUI_CHECK_OK(
        unpack::enter_jail(unpack::k_directory_number,
                           {arguments.as, layer, layer ? k_layer_memory_max : k_archive_memory_max,
                            arguments.limits.bytes_max}));
    try {
        if (layer)
            return unpack::unpack_layer(unpack::k_archive_number, unpack::k_directory_number,
                                        arguments.limits);
        return unpack::extract(unpack::k_archive_number, unpack::k_directory_number, arguments.kind,
                               arguments.output, arguments.limits);
    } catch (const std::bad_alloc&) {
        return tepui::fail(tepui::Errc::too_large, "it needs too much memory");
    }
}

}  // namespace

int main(int argc, char** argv) {
    const tepui::Result<unpack::Unpacked> done = work({argv, argv + argc});
    const std::string answer = unpack::write_answer(done);
    const int number = argc > 1 ? unpack::k_answer_number : STDERR_FILENO;
    return unpack::write_all(number, answer.data(), answer.size()) && done ? 0 : 1;
}
