#pragma once

// How the agent and tepui-unlayer talk. The program is started as "tepui-unlayer BYTES_MAX
// FILES_MAX" with the archive on descriptor 0, a pipe for its report as 1 and the empty directory
// that it fills as 3. It says nothing before it ends; then, each field followed by a NUL:
//   "opaque" PATH                     for each directory that hides those beneath it
//   "done" SHA256 BYTES FILES SKIPPED  of the uncompressed tar, of the data, device nodes left out
// or, alone,
//   "error" KIND TEXT                 KIND: corrupt, denied, too_large or io

#define UNLAYER_DIRECTORY_FD 3
