#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer::images {

/// A layer on disk.
struct LayerRecord {
    std::string digest;   // Of the blob that it came as.
    std::string diff_id;  // Of the uncompressed tar.
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;
    bool durable = false;  // A power failure does not harm it any more.
};

struct ImageRecord {
    std::string digest;
    std::string config_json;
    std::vector<std::string> layers;  // Digests, lowest first.
    double pulled_at = 0;             // Seconds since the epoch.
    double used_at = 0;               // The same; the time of the record's file.
};

struct NameRecord {
    std::string name;  // Canonical.
    std::string digest;
    bool with_login = false;  // Pulled with credentials that the task brought.
};

/// The directory of a store:
///   lock           held by the process that uses it
///   tmp/           what is being made or removed; emptied at start
///   layers/HEX/    fs/ (the layer), layer.json, durable (when it is)
///   images/HEX     records of images, names/HEX of names; JSON
/// Everything appears by rename. Nothing is synced before it is used: what a crash of the machine
/// may have harmed (it is not durable, and the machine started since) is dropped by load() and
/// fetched again.
class Shelf {
public:
    static Result<Shelf> open(const std::string& directory);

    /// Reads what is there, and removes what cannot be read or trusted.
    void load(std::map<std::string, LayerRecord>& layers,
              std::map<std::string, ImageRecord>& images,
              std::map<std::string, NameRecord>& names) const;

    std::string layer_path(const std::string& digest) const;
    /// Whether the layer still looks as it was stored.
    bool layer_exists(const std::string& digest) const;
    /// A new directory for a layer, to be filled at "fs" in it, then kept or thrown away.
    Result<std::string> make_scratch() const;
    Result<void> keep_layer(const std::string& scratch, const LayerRecord& record) const;
    /// Out of sight at once; the answer is to be given to discard(), which takes its time. Empty
    /// when there was nothing.
    std::string unlink_layer(const std::string& digest) const;
    static void discard(const std::string& path);

    Result<void> write(const ImageRecord& record) const;
    Result<void> write(const NameRecord& record) const;
    /// It is used now.
    void touch_image(const std::string& digest) const;
    void remove_image(const std::string& digest) const;
    void remove_name(const std::string& name) const;

    /// Everything that was stored before is on the disk now.
    void sync() const;
    void mark_durable(const std::string& digest) const;

    const std::string& path() const { return path_; }

private:
    Shelf(std::string path, Descriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
    Result<void> write_record(const std::string& to, const std::string& json) const;
    bool load_layer(const std::string& folder, LayerRecord& record) const;

    std::string path_;
    Descriptor lock_;
    std::string boot_;  // This start of the machine.
};

}  // namespace tepui::containerizer::images
