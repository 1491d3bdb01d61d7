#include "containerizer/unpack/unpack.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "containerizer/child_process.h"
#include "containerizer/descriptor.h"
#include "containerizer/unpack/arguments.h"

namespace tepui::containerizer::unpack {

Result<Unpacked> run(const Job& job, const std::atomic<bool>& cancelled) {
    if (::lseek(job.archive_fd, 0, SEEK_SET) < 0)
        return fail(Errc::io, "cannot rewind the archive: {}", errno_text());
    Arguments arguments{job.kind, {}, job.limits, job.output};
    arguments.as = {::geteuid(), ::getegid(), {}};
    if (job.user != nullptr) arguments.as = {job.user->uid, job.user->gid, job.user->groups};
    ChildProgram program;
    program.path = job.program;
    program.argv = write_arguments(arguments);
    program.descriptors = {{job.archive_fd, k_archive_number},
                           {job.directory_fd, k_directory_number}};
    ChildLimits limits;
    limits.time_max = job.limits.time_max;
    limits.cancelled = &cancelled;
    const Result<ChildEnd> end = run_child(program, k_answer_number, limits);
    if (!end && end.error().code == Errc::timeout)
        return fail(Errc::timeout, "unpacking took longer than {}",
                    format_duration(job.limits.time_max));
    if (!end) return std::unexpected(end.error());
    if (WIFSIGNALED(end->status))
        return fail(Errc::corrupt, "the archive ended its unpacker by signal {}",
                    WTERMSIG(end->status));
    return read_answer(end->output);
}

std::string program_beside(const std::string& shim_path) {
    return shim_path.substr(0, shim_path.rfind('/') + 1) + "tepui-unpack";
}

}  // namespace tepui::containerizer::unpack
