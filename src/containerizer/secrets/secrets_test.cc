#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_directory_testing.h"
#include "containerizer/secrets/resolver.h"
#include "containerizer/secrets/sealed.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;

const std::string k_key(32, 'k');

mesos::v1::Secret reference(const std::string& name, const std::string& key = "") {
    mesos::v1::Secret secret;
    secret.set_type(mesos::v1::Secret::REFERENCE);
    secret.mutable_reference()->set_name(name);
    if (!key.empty()) secret.mutable_reference()->set_key(key);
    return secret;
}

class Resolver : public ::testing::Test {
protected:
    Resolver() {
        fs::create_directories(path("s/db"));
        fs::permissions(path("s"), fs::perms::owner_all);
        options.secret_dir = path("s");
    }
    std::string path(const std::string& name) const { return directory.path() + "/" + name; }
    void write(const std::string& name, const std::string& bytes, int mode = 0600) const {
        std::ofstream(path(name), std::ios::binary) << bytes;
        ASSERT_EQ(::chmod(path(name).c_str(), static_cast<mode_t>(mode)), 0);
    }
    Result<std::string> resolve(const mesos::v1::Secret& secret) const {
        auto resolver = make_secret_resolver(options);
        if (!resolver) return std::unexpected(resolver.error());
        return (*resolver)->resolve(secret);
    }

    TemporaryDirectory directory;
    VolumeOptions options;
};

TEST_F(Resolver, ReadsValuesAndFiles) {
    mesos::v1::Secret value;
    value.mutable_value()->set_data("by value");
    EXPECT_EQ(resolve(value).value(), "by value");
    write("s/db/password", "hunter2\n");
    EXPECT_EQ(resolve(reference("db", "password")).value(), "hunter2\n");
    EXPECT_EQ(resolve(reference("db/password")).value(), "hunter2\n");
    write("s/db/password", "changed");
    EXPECT_EQ(resolve(reference("db", "password")).value(), "changed") << "read anew each time";
}

TEST_F(Resolver, RefusesWhatOthersCanReadOrLeadsAway) {
    write("s/open", "x", 0640);
    EXPECT_EQ(resolve(reference("open")).error().code, Errc::denied);
    write("outside", "x");
    EXPECT_FALSE(resolve(reference("..", "outside")));
    EXPECT_FALSE(resolve(reference(path("outside"))));
    fs::create_symlink(path("outside"), path("s/link"));
    EXPECT_EQ(resolve(reference("link")).error().code, Errc::denied);
    EXPECT_EQ(resolve(reference("none")).error().code, Errc::not_found);
    EXPECT_FALSE(resolve(reference("db"))) << "a directory";
    EXPECT_FALSE(resolve({})) << "neither value nor reference";
    options.secret_dir.clear();
    EXPECT_EQ(resolve(reference("db", "password")).error().code, Errc::unsupported);
}

TEST_F(Resolver, UnsealsWithTheKeyAndUnderTheName) {
    write("key", k_key);
    options.secret_key_file = path("key");
    write("s/db/password", seal_secret(k_key, "db/password", "hunter2").value());
    EXPECT_EQ(resolve(reference("db", "password")).value(), "hunter2");
    write("s/other", seal_secret(k_key, "db/password", "hunter2").value());
    EXPECT_EQ(resolve(reference("other")).error().code, Errc::corrupt) << "put elsewhere";
    write("s/plain", "hunter2");
    const Error plain = resolve(reference("plain")).error();
    EXPECT_EQ(plain.code, Errc::denied);
    EXPECT_EQ(plain.text.find("hunter2"), std::string::npos);
    options.secret_key_file.clear();
    EXPECT_FALSE(resolve(reference("db", "password"))) << "sealed, and no key";
}

TEST_F(Resolver, RefusesADirectoryOrKeyThatIsNotFit) {
    options.secret_key_file = path("key");
    EXPECT_FALSE(make_secret_resolver(options));
    write("key", "short");
    EXPECT_FALSE(make_secret_resolver(options));
    write("key", k_key, 0644);
    EXPECT_EQ(make_secret_resolver(options).error().code, Errc::denied);
    options.secret_key_file.clear();
    fs::permissions(path("s"), fs::perms::all);
    EXPECT_FALSE(make_secret_resolver(options)) << "anybody can write to it";
    options.secret_dir = path("none");
    EXPECT_FALSE(make_secret_resolver(options));
}

TEST(Sealed, EveryFlippedBitIsNoticedAndEveryNonceIsFresh) {
    const std::string sealed = seal_secret(k_key, "n", "secret").value();
    EXPECT_NE(sealed, seal_secret(k_key, "n", "secret").value());
    EXPECT_EQ(sealed.find("secret"), std::string::npos);
    EXPECT_EQ(unseal_secret(k_key, "n", sealed).value(), "secret");
    EXPECT_FALSE(unseal_secret(std::string(32, 'x'), "n", sealed));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string damaged = sealed;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        EXPECT_FALSE(unseal_secret(k_key, "n", damaged)) << i;
        EXPECT_FALSE(unseal_secret(k_key, "n", sealed.substr(0, i))) << i;
    }
    EXPECT_EQ(unseal_secret(k_key, "", seal_secret(k_key, "", "").value()).value(), "");
}

TEST(Sealed, ReadsKeys) {
    EXPECT_EQ(parse_secret_key(k_key).value(), k_key);
    std::string hex;
    for (int i = 0; i < 32; ++i) hex += "6B";
    EXPECT_EQ(parse_secret_key(hex + "\n").value(), k_key);
    EXPECT_FALSE(parse_secret_key(hex + "6b"));
    EXPECT_FALSE(parse_secret_key(std::string(64, 'g')));
    EXPECT_FALSE(parse_secret_key(""));
}

TEST(CommandSecrets, BecomePlainVariables) {
    using Variable = mesos::v1::Environment::Variable;
    mesos::v1::CommandInfo command;
    Variable& plain = *command.mutable_environment()->add_variables();
    plain.set_name("A");
    plain.set_value("a");
    EXPECT_FALSE(has_secrets(command));
    Variable& secret = *command.mutable_environment()->add_variables();
    secret.set_name("B");
    secret.set_type(Variable::SECRET);
    secret.mutable_secret()->mutable_value()->set_data("b");
    EXPECT_TRUE(has_secrets(command));
    const auto resolver = make_secret_resolver({}).value();
    ASSERT_TRUE(resolve_secrets(command, *resolver));
    EXPECT_EQ(command.environment().variables(0).value(), "a");
    EXPECT_EQ(command.environment().variables(1).value(), "b");
    EXPECT_FALSE(command.environment().variables(1).has_secret());
    Variable& binary = *command.mutable_environment()->add_variables();
    binary.set_name("C");
    binary.set_type(Variable::SECRET);
    binary.mutable_secret()->mutable_value()->set_data(std::string("c\0d", 3));
    const Result<void> refused = resolve_secrets(command, *resolver);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find("'C'"), std::string::npos);
}

}  // namespace
}  // namespace tepui::containerizer
