#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tepui::master {

/// Which keys a JSON text has and of what types: a path ("frameworks[].tasks[].id") to the types
/// seen there ("string", "int", "double", "bool", "object", "array", "null"). Elements of an array
/// fall together.
using JsonShape = std::map<std::string, std::set<std::string>>;

/// `maps`: paths of objects whose keys are data ("flags"); their keys become "*". A path matches
/// when it ends in one of them. Fails the running test on bad JSON.
JsonShape shape_of(std::string_view json, const std::vector<std::string>& maps);

/// Reads a file of recordings, a JSON text a line: by "path" (an endpoint; its "body") or "type" (a
/// response).
std::map<std::string, std::string> read_recordings(const std::string& file);

/// What differs, a line each: "missing frameworks[].x", "type of …". Paths that begin with one of
/// `allowed` are left out.
std::vector<std::string> differences(const JsonShape& recorded, const JsonShape& ours,
                                     const std::vector<std::string>& allowed);

}  // namespace tepui::master
