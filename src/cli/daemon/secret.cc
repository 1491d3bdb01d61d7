#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/daemon/daemon.h"
#include "cli/flags/checks.h"
#include "containerizer/descriptor.h"
#include "containerizer/secrets/sealed.h"

namespace tepui::cli {

namespace {

constexpr std::size_t secret_bytes_max = std::size_t{1} << 20;

Result<std::string> read_all(int file, const std::string& what) {
    std::string bytes(secret_bytes_max + 1, '\0');
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const ssize_t got = ::read(file, bytes.data() + filled, bytes.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(Errc::io, "{}: {}", what, std::strerror(errno));
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    if (filled > secret_bytes_max) return fail(Errc::too_large, "{} has more than 1 MB", what);
    bytes.resize(filled);
    return bytes;
}

Result<std::string> encrypt(const Parsed& parsed) {
    const std::string path = parsed.value("key");
    if (path.empty()) return fail(Errc::invalid_argument, "--key is missing: the agent's key file");
    const containerizer::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return fail(Errc::invalid_argument, "--key {}: {}", path, std::strerror(errno));
    const std::string key =
        TEPUI_TRY(containerizer::parse_secret_key(TEPUI_TRY(read_all(file.get(), path))));
    const std::string secret = TEPUI_TRY(read_all(STDIN_FILENO, "standard input"));
    return containerizer::seal_secret(key, parsed.words[1], secret);
}

}  // namespace

Verb secret_verb() {
    Verb verb;
    verb.manual.name = "secret";
    verb.manual.summary = "encrypt a secret for an agent's --secret_dir";
    verb.manual.synopsis = {"secret encrypt NAME/KEY --key=FILE < SECRET > SEALED"};
    verb.manual.description = {
        "Reads a secret from standard input and writes it, encrypted, to standard output: for the "
        "file NAME/KEY (or NAME) beneath the --secret_dir of agents that have the same key as "
        "--secret_key_file. It can be read under that name only.",
        "A key is 32 bytes, or 64 hexadecimal digits: `openssl rand -hex 32`.",
    };
    verb.manual.examples = {
        {"printf %s hunter2 | tepui secret encrypt db/password --key=/etc/tepui/key > "
         "/etc/tepui/secrets/db/password",
         "a password that tasks refer to as db, password"}};
    Flag key;
    key.name = "key";
    key.value_name = "FILE";
    key.help = "The agent's --secret_key_file. Needed.";
    key.check = not_empty();
    verb.flags.flags.push_back(std::move(key));
    verb.flags.words_max = 2;
    verb.offers = {{"encrypt"}};
    verb.run = [](const Console& console, const Parsed& parsed) -> Outcome {
        if (parsed.words.size() != 2 || parsed.words[0] != "encrypt") {
            return give_up("secret",
                           {Errc::invalid_argument, "give `encrypt` and the secret's name"},
                           "tepui help secret");
        }
        const auto sealed = encrypt(parsed);
        if (!sealed) return give_up("secret encrypt", sealed.error());
        console.out(*sealed);
        return 0;
    };
    return verb;
}

}  // namespace tepui::cli
