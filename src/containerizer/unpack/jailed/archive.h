#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <time.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "containerizer/unpack/output.h"

namespace tepui::containerizer::unpack {

// What both kinds of unpacking do with libarchive.

using Archive = std::unique_ptr<archive, int (*)(archive*)>;

Archive new_archive();

/// Why `source` cannot be read: corrupt, or too_large when it asks for too much memory.
Error archive_error(archive* source);

/// The entry's name, the target of its symbolic link; empty when it has none.
std::string name_of(archive_entry* entry);
std::string link_target_of(archive_entry* entry);

timespec time_of(archive_entry* entry);

enum class Holes { counted, free };

/// Copies the data of the current entry into the new file `fd`, holes as holes; `budget` is asked
/// before anything is written. Fails with corrupt when the archive does, or its parts overlap.
Result<void> copy_data(archive* source, int fd, Budget& budget, Holes holes);

}  // namespace tepui::containerizer::unpack
