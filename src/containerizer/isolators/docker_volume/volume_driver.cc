#include "containerizer/isolators/docker_volume/volume_driver.h"

#include <curl/curl.h>
#include <simdjson.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "containerizer/beneath.h"
#include "containerizer/child_process.h"
#include "wire/json_writer.h"

namespace tepui::containerizer {
namespace {

constexpr long k_call_ms_max = 120'000;  // Some plugins format a disk.
constexpr std::size_t k_answer_bytes_max = 1 << 20;
constexpr std::array k_dvdcli_paths = {"/usr/bin/dvdcli", "/usr/local/bin/dvdcli"};

std::size_t take(char* bytes, std::size_t size, std::size_t count, void* to) {
    auto& text = *static_cast<std::string*>(to);
    if (text.size() + size * count > k_answer_bytes_max) return 0;
    text.append(bytes, size * count);
    return size * count;
}

bool is_plain_name(const std::string& name) {
    return !name.empty() && name.find('/') == std::string::npos && name.front() != '.' &&
           name.find('\0') == std::string::npos;
}

class Drivers final : public VolumeDrivers {
public:
    explicit Drivers(std::string directory) : directory_(std::move(directory)) {}

    Result<std::string> mount(const ExternalVolume& volume,
                              const std::map<std::string, std::string>& options,
                              const std::string& user) override {
        if (!is_plain_name(volume.driver))
            return fail(Errc::invalid_argument, "'{}' is no name of a volume driver",
                        volume.driver);
        if (!listens(volume.driver)) return mount_by_dvdcli(volume, options);
        std::string create;
        wire::JsonWriter json(create);
        json.begin_object().key("Name").value(volume.name).key("Opts").begin_object();
        for (const auto& [name, value] : options) json.key(name).value(value);
        json.end_object().end_object();
        TEPUI_CHECK_OK(call(volume, "Create", create));
        const std::string answer = TEPUI_TRY(call(volume, "Mount", with_id(volume, user)));
        simdjson::dom::parser parser;
        std::string_view path;
        if (parser.parse(answer)["Mountpoint"].get(path) != simdjson::SUCCESS ||
            !path.starts_with('/'))
            return fail(Errc::io, "driver '{}' did not say where it mounted volume '{}'",
                        volume.driver, volume.name);
        return std::string(path);
    }

    Result<void> unmount(const ExternalVolume& volume, const std::string& user,
                         bool last) override {
        if (!is_plain_name(volume.driver)) return {};
        if (!listens(volume.driver)) {
            if (!last) return {};  // It knows of no users.
            TEPUI_CHECK_OK(dvdcli(
                {"unmount", "--volumedriver=" + volume.driver, "--volumename=" + volume.name}));
            return {};
        }
        TEPUI_CHECK_OK(call(volume, "Unmount", with_id(volume, user)));
        return {};
    }

private:
    std::string socket_of(const std::string& driver) const {
        return directory_ + "/" + driver + ".sock";
    }
    bool listens(const std::string& driver) const {
        return ::access(socket_of(driver).c_str(), F_OK) == 0;
    }

    static std::string with_id(const ExternalVolume& volume, const std::string& user) {
        std::string body;
        wire::JsonWriter json(body);
        json.begin_object().key("Name").value(volume.name).key("ID").value(user).end_object();
        return body;
    }

    /// One call of the protocol; the answer's JSON, which has no error in it.
    Result<std::string> call(const ExternalVolume& volume, std::string_view verb,
                             const std::string& body) const {
        const std::string what =
            fmt::format("driver '{}', {} of volume '{}'", volume.driver, verb, volume.name);
        const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                       curl_easy_cleanup);
        if (!curl) return fail(Errc::io, "{}: no HTTP client", what);
        const std::string socket = socket_of(volume.driver);
        const std::string url = fmt::format("http://plugin/VolumeDriver.{}", verb);
        std::string answer;
        curl_slist* headers =
            curl_slist_append(nullptr, "Content-Type: application/vnd.docker.plugins.v1.1+json");
        headers = curl_slist_append(headers, "Expect:");
        curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
        curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
        curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
        curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
        curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, k_call_ms_max);
        curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take);
        curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
        const CURLcode code = curl_easy_perform(curl.get());
        curl_slist_free_all(headers);
        if (code != CURLE_OK) return fail(Errc::io, "{}: {}", what, curl_easy_strerror(code));
        simdjson::dom::parser parser;
        simdjson::dom::element root;
        if (parser.parse(answer).get(root) != simdjson::SUCCESS)
            return fail(Errc::io, "{}: the answer is not JSON", what);
        std::string_view error;
        if (root["Err"].get(error) == simdjson::SUCCESS && !error.empty())
            return fail(Errc::io, "{}: {}", what, error);
        return answer;
    }

    static Result<std::string> dvdcli(std::vector<std::string> arguments) {
        ChildProgram program;
        for (const char* path : k_dvdcli_paths)
            if (program.path.empty() && ::access(path, X_OK) == 0) program.path = path;
        if (program.path.empty())
            return fail(Errc::not_found,
                        "no plugin of that driver listens, and there is no `dvdcli`");
        program.argv = std::move(arguments);
        program.argv.insert(program.argv.begin(), "dvdcli");
        program.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
        ChildLimits limits;
        limits.time_max = std::chrono::milliseconds(k_call_ms_max);
        ChildEnd end = TEPUI_TRY(run_child(program, 1, limits));
        if (end.status != 0)
            return fail(Errc::io, "`dvdcli {}` failed with status {}", program.argv[1],
                        WIFEXITED(end.status) ? WEXITSTATUS(end.status) : end.status);
        return end.output;
    }

    static Result<std::string> mount_by_dvdcli(const ExternalVolume& volume,
                                               const std::map<std::string, std::string>& options) {
        std::vector<std::string> arguments{"mount", "--volumedriver=" + volume.driver,
                                           "--volumename=" + volume.name};
        for (const auto& [name, value] : options)
            arguments.push_back("--volumeopts=" + name + "=" + value);
        std::string path = TEPUI_TRY(dvdcli(std::move(arguments)));
        while (!path.empty() && (path.back() == '\n' || path.back() == ' ')) path.pop_back();
        if (!path.starts_with('/'))
            return fail(Errc::io, "`dvdcli mount` did not say where it mounted volume '{}'",
                        volume.name);
        return path;
    }

    const std::string directory_;
};

}  // namespace

std::unique_ptr<VolumeDrivers> make_volume_drivers(std::string directory) {
    return std::make_unique<Drivers>(std::move(directory));
}

}  // namespace tepui::containerizer
