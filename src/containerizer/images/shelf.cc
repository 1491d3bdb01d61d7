#include "containerizer/images/shelf.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "containerizer/beneath.h"
#include "containerizer/images/digest.h"
#include "containerizer/images/image_name.h"
#include "containerizer/images/json.h"
#include "wire/json_writer.h"

namespace tepui::containerizer::images {
namespace {

namespace fs = std::filesystem;

// Of a digest's 64 digits: enough that nobody finds two, short because overlay's options name many.
constexpr std::size_t k_digits = 32;

std::string digits_of(const std::string& digest) {
    return digest.substr(std::string_view("sha256:").size(), k_digits);
}

std::string read_all(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::string> entries_of(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error))
        names.push_back(entry.path().filename().string());
    return names;
}

}  // namespace

Result<Shelf> Shelf::open(const std::string& directory) {
    const Descriptor made = TEPUI_TRY(make_trusted_directory(directory, 0755));
    // Layers have the owners and modes of their images: nobody else is to come near them.
    ::fchmod(made.get(), 0700);
    const std::string lock_path = directory + "/lock";
    Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock) return fail(Errc::io, "cannot open '{}': {}", lock_path, errno_text());
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return fail(Errc::conflict,
                    "another agent uses the image store '{}'; give each its own by "
                    "--docker_store_dir",
                    directory);
    Shelf shelf(directory, std::move(lock));
    for (const char* folder : {"tmp", "layers", "images", "names"})
        TEPUI_TRY(make_trusted_directory(directory + "/" + folder, 0700));
    shelf.boot_ = read_all("/proc/sys/kernel/random/boot_id");
    while (!shelf.boot_.empty() && shelf.boot_.back() == '\n') shelf.boot_.pop_back();
    for (const std::string& left : entries_of(directory + "/tmp"))
        discard(directory + "/tmp/" + left);
    return shelf;
}

bool Shelf::load_layer(const std::string& folder, LayerRecord& record) const {
    const std::string path = path_ + "/layers/" + folder;
    const std::string text = read_all(path + "/layer.json");
    const Result<Json> parsed = Json::parse(text);
    if (!parsed || !parsed->root().is_object()) return false;
    const auto root = parsed->root();
    record = {text_at(root, "digest"), text_at(root, "diff_id"), number_at(root, "bytes"),
              number_at(root, "files"), ::access((path + "/durable").c_str(), F_OK) == 0};
    return is_digest(record.digest) && digits_of(record.digest) == folder &&
           (record.durable || text_at(root, "boot") == boot_) && layer_exists(record.digest);
}

void Shelf::load(std::map<std::string, LayerRecord>& layers,
                 std::map<std::string, ImageRecord>& images,
                 std::map<std::string, NameRecord>& names) const {
    for (const std::string& folder : entries_of(path_ + "/layers")) {
        LayerRecord record;
        if (load_layer(folder, record))
            layers[record.digest] = record;
        else
            discard(path_ + "/layers/" + folder);
    }
    for (const std::string& file : entries_of(path_ + "/images")) {
        const std::string text = read_all(path_ + "/images/" + file);
        const Result<Json> parsed = Json::parse(text);
        ImageRecord record;
        if (parsed && parsed->root().is_object()) {
            double pulled_at = 0;
            (void)parsed->root()["pulled_at"].get(pulled_at);
            record = {text_at(parsed->root(), "digest"), text_at(parsed->root(), "config"),
                      texts_at(parsed->root(), "layers"), pulled_at, 0};
            struct stat stat{};
            if (::stat((path_ + "/images/" + file).c_str(), &stat) == 0)
                record.used_at = std::max(pulled_at, static_cast<double>(stat.st_mtim.tv_sec));
        }
        if (is_digest(record.digest) && digits_of(record.digest) == file)
            images[record.digest] = std::move(record);
        else
            discard(path_ + "/images/" + file);
    }
    for (const std::string& file : entries_of(path_ + "/names")) {
        const std::string text = read_all(path_ + "/names/" + file);
        const Result<Json> parsed = Json::parse(text);
        NameRecord record;
        if (parsed && parsed->root().is_object()) {
            record = {text_at(parsed->root(), "name"), text_at(parsed->root(), "digest"), false};
            (void)parsed->root()["with_login"].get(record.with_login);
        }
        if (!record.name.empty() && digits_of(digest_of(record.name)) == file &&
            images.contains(record.digest))
            names[record.name] = std::move(record);
        else
            discard(path_ + "/names/" + file);
    }
}

std::string Shelf::layer_path(const std::string& digest) const {
    return path_ + "/layers/" + digits_of(digest) + "/fs";
}

bool Shelf::layer_exists(const std::string& digest) const {
    struct stat found{};
    const std::string path = layer_path(digest);
    if (::lstat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) return false;
    const std::string record = path.substr(0, path.size() - 2) + "layer.json";
    return ::access(record.c_str(), F_OK) == 0;
}

Result<std::string> Shelf::make_scratch() const {
    std::string path = path_ + "/tmp/XXXXXX";
    if (::mkdtemp(path.data()) == nullptr || ::mkdir((path + "/fs").c_str(), 0755) != 0)
        return fail(Errc::io, "cannot make a directory in '{}/tmp': {}", path_, errno_text());
    ::chmod((path + "/fs").c_str(), 0755);
    return path;
}

Result<void> Shelf::keep_layer(const std::string& scratch, const LayerRecord& record) const {
    std::string json;
    wire::JsonWriter(json)
        .begin_object()
        .key("digest")
        .value(record.digest)
        .key("diff_id")
        .value(record.diff_id)
        .key("bytes")
        .value(record.bytes)
        .key("files")
        .value(record.files)
        .key("boot")
        .value(boot_)
        .end_object();
    TEPUI_CHECK_OK(write_record(scratch + "/layer.json", json));
    const std::string target = path_ + "/layers/" + digits_of(record.digest);
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (::rename(scratch.c_str(), target.c_str()) == 0) return {};
        if (errno != ENOTEMPTY && errno != EEXIST) break;
        discard(unlink_layer(record.digest));  // A damaged one.
    }
    return fail(Errc::io, "cannot keep the layer '{}': {}", target, errno_text());
}

std::string Shelf::unlink_layer(const std::string& digest) const {
    std::string away = path_ + "/tmp/XXXXXX";
    if (::mkdtemp(away.data()) == nullptr) return {};
    const std::string path = path_ + "/layers/" + digits_of(digest);
    if (::rename(path.c_str(), away.c_str()) != 0 && errno != ENOENT)
        discard(path);  // Something is wrong with the directory: the slow way.
    return away;
}

void Shelf::discard(const std::string& path) {
    std::error_code ignored;
    if (!path.empty()) fs::remove_all(path, ignored);
}

Result<void> Shelf::write_record(const std::string& to, const std::string& json) const {
    const std::string fresh = path_ + "/tmp/" + digits_of(digest_of(to));
    {
        const Descriptor file(
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!file ||
            ::write(file.get(), json.data(), json.size()) != static_cast<ssize_t>(json.size()))
            return fail(Errc::io, "cannot write '{}': {}", fresh, errno_text());
    }
    if (::rename(fresh.c_str(), to.c_str()) != 0)
        return fail(Errc::io, "cannot write '{}': {}", to, errno_text());
    return {};
}

Result<void> Shelf::write(const ImageRecord& record) const {
    std::string json;
    wire::JsonWriter writer(json);
    writer.begin_object().key("digest").value(record.digest).key("layers").begin_array();
    for (const std::string& layer : record.layers) writer.value(layer);
    writer.end_array().key("pulled_at").value(record.pulled_at);
    writer.key("config").value(record.config_json).end_object();
    return write_record(path_ + "/images/" + digits_of(record.digest), json);
}

void Shelf::touch_image(const std::string& digest) const {
    const std::string path = path_ + "/images/" + digits_of(digest);
    (void)::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
}

Result<void> Shelf::write(const NameRecord& record) const {
    std::string json;
    wire::JsonWriter(json)
        .begin_object()
        .key("name")
        .value(record.name)
        .key("digest")
        .value(record.digest)
        .key("with_login")
        .value(record.with_login)
        .end_object();
    return write_record(path_ + "/names/" + digits_of(digest_of(record.name)), json);
}

void Shelf::remove_image(const std::string& digest) const {
    ::unlink((path_ + "/images/" + digits_of(digest)).c_str());
}

void Shelf::remove_name(const std::string& name) const {
    ::unlink((path_ + "/names/" + digits_of(digest_of(name))).c_str());
}

void Shelf::sync() const { ::syncfs(lock_.get()); }

void Shelf::mark_durable(const std::string& digest) const {
    const std::string path = path_ + "/layers/" + digits_of(digest) + "/durable";
    const Descriptor made(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

}  // namespace tepui::containerizer::images
