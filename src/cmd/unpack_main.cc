// tepui-unpack: unpacks one archive, jailed. Started by the agent alone; see
// containerizer/unpack/unpack.h.
#include <clocale>

#include "containerizer/unpack/arguments.h"
#include "containerizer/unpack/extract.h"
#include "containerizer/unpack/output.h"

#include <unistd.h>

namespace {

namespace unpack = tepui::containerizer::unpack;

tepui::Result<unpack::Unpacked> work(const std::vector<std::string>& argv) {
    const unpack::Arguments arguments = TEPUI_TRY(unpack::read_arguments(argv));
    ::close_range(unpack::k_answer_number + 1, ~0U, 0);
    std::setlocale(LC_ALL, "C.UTF-8");  // Names are UTF-8; read before the jail hides it.
    TEPUI_CHECK_OK(unpack::enter_jail(unpack::k_directory_number, arguments.as));
    return unpack::extract(unpack::k_archive_number, unpack::k_directory_number, arguments.kind,
                           arguments.output, arguments.limits);
}

}  // namespace

int main(int argc, char** argv) {
    const tepui::Result<unpack::Unpacked> done = work({argv, argv + argc});
    const std::string answer = unpack::write_answer(done);
    const int number = argc > 1 ? unpack::k_answer_number : STDERR_FILENO;
    return unpack::write_all(number, answer.data(), answer.size()) && done ? 0 : 1;
}
