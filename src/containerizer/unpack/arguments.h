#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/unpack/unpack.h"

namespace tepui::containerizer::unpack {

// What the agent and tepui-unpack, of one installation, say to each other.
inline constexpr int k_archive_number = 3;
inline constexpr int k_directory_number = 4;
inline constexpr int k_answer_number = 5;

/// Whom the jailed process runs as.
struct JailedAs {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};

/// What tepui-unpack is told on its command line.
struct Arguments {
    Kind kind = Kind::archive;
    JailedAs as;
    Limits limits;
    std::string output;
};

std::vector<std::string> write_arguments(const Arguments& arguments);
Result<Arguments> read_arguments(const std::vector<std::string>& argv);

/// What it answers before it ends: fields, each followed by a NUL.
std::string write_answer(const Result<Unpacked>& answer);
/// Fails with the error that was answered; with corrupt when nothing was that can be read.
Result<Unpacked> read_answer(const std::string& text);

}  // namespace tepui::containerizer::unpack
