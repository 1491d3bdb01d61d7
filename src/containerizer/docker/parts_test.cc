// The parts that do no I/O: HTTP, answers, parameters, what is created, logs' frames.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerizer/docker/create_plan.h"
#include "containerizer/docker/engine.h"
#include "containerizer/docker/exec.h"
#include "containerizer/docker/log_frames.h"
#include "containerizer/docker/registry_auth.h"
#include "containerizer/docker/response_reader.h"
#include "containerizer/docker/usage.h"
#include "wire/base64.h"

namespace tepui::containerizer::docker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ResponseReader, ReadsBodiesHoweverTheyAreCut) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
         "chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
         "hello"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
         "hello"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
        {"HTTP/1.1 204 No Content\r\n\r\n", ""},
    };
    for (const auto& [bytes, body] : cases) {
        for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
            ResponseReader reader;
            std::string got;
            for (std::size_t at = 0; at < bytes.size(); at += cut) {
                ASSERT_TRUE(reader.feed(std::string_view(bytes).substr(at, cut))) << bytes;
                got += reader.take_body();
            }
            EXPECT_TRUE(reader.done()) << bytes << " in pieces of " << cut;
            EXPECT_EQ(got, body);
        }
    }
}

TEST(ResponseReader, WithoutALengthTheBodyEndsWithTheConnection) {
    ResponseReader reader;
    ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\nraw"));
    EXPECT_FALSE(reader.done());
    EXPECT_EQ(reader.header("api-version"), "1.41");
    ASSERT_TRUE(reader.finish());
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(reader.take_body(), "raw");
}

TEST(ResponseReader, RefusesWhatIsNoHttp) {
    const std::vector<std::string> cases = {
        "\x16\x03\x01 garbage",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        "HTTP/1.1 200 OK\r\n" + std::string(ResponseReader::head_bytes_max, 'x'),
    };
    for (const std::string& bytes : cases) {
        ResponseReader reader;
        EXPECT_FALSE(reader.feed(bytes)) << bytes.substr(0, 60);
    }
    ResponseReader cut;
    ASSERT_TRUE(cut.feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"));
    EXPECT_FALSE(cut.finish());
}

TEST(Answers, ReadContainers) {
    const auto read = parse_inspect(
        R"({"Id":"abc","State":{"Status":"exited","Running":false,"Pid":0,"ExitCode":137,)"
        R"("OOMKilled":true,"Error":"","FinishedAt":"2026-11-23T02:29:01.495900878Z"},)"
        R"("Config":{"Labels":{"a":"b"},"StopSignal":"SIGQUIT"},"NetworkSettings":{"Networks":)"
        R"({"bridge":{"IPAddress":"172.17.0.2","GlobalIPv6Address":"fd00::2"},"n":{}}}})");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_TRUE(read->ended());
    EXPECT_TRUE(read->out_of_memory);
    EXPECT_EQ(read->exit_code, 137);
    EXPECT_EQ(read->stop_signal, "SIGQUIT");
    EXPECT_EQ(read->labels.at("a"), "b");
    EXPECT_THAT(read->addresses, ElementsAre(Address{"bridge", "172.17.0.2", false},
                                             Address{"bridge", "fd00::2", true}));
    EXPECT_NEAR(parse_time(read->finished_at).value_or(0), 1795400941.4959, 0.01);
    EXPECT_FALSE(parse_time("0001-01-01T00:00:00Z"));
    for (const char* bad : {"", "[]", "{}", R"({"Id":1,"State":[]})", "\xff", R"({"Id":"a"})"})
        EXPECT_FALSE(parse_inspect(bad)) << bad;
    EXPECT_FALSE(parse_list(R"({"message":"no"})"));
    EXPECT_FALSE(parse_list(R"([{"Id":""}])"));
}

TEST(Engine, AgreesOnAVersion) {
    EXPECT_EQ(agree_on_version("1.41").value_or(""), "/v1.41");
    EXPECT_EQ(agree_on_version("1.99").value_or(""), "/v1.47");
    const auto old = agree_on_version("1.12");
    ASSERT_FALSE(old);
    EXPECT_THAT(old.error().text, HasSubstr("too old"));
    for (const char* bad : {"", "2.0", "1.", "1.x"}) EXPECT_FALSE(agree_on_version(bad)) << bad;
}

TEST(Parameters, BecomeFieldsOfTheEngine) {
    const std::vector<std::pair<std::pair<std::string, std::string>, std::string>> cases = {
        {{"env", "A=b"}, R"("Env":["A=b"])"},
        {{"label", "a=b=c"}, R"("Labels":{"a":"b=c"})"},
        {{"volume", "/a:/b:ro"}, R"("Binds":["/a:/b:ro"])"},
        {{"add-host", "h:1.2.3.4"}, R"("ExtraHosts":["h:1.2.3.4"])"},
        {{"cap-add", "NET_ADMIN"}, R"("CapAdd":["NET_ADMIN"])"},
        {{"--cap-drop", "ALL"}, R"("CapDrop":["ALL"])"},
        {{"dns", "8.8.8.8"}, R"("Dns":["8.8.8.8"])"},
        {{"hostname", "h"}, R"("Hostname":"h")"},
        {{"log-driver", "journald"}, R"("LogConfig":{"Type":"journald","Config":{}})"},
        {{"log-opt", "tag=x"}, R"("LogConfig":{"Type":"","Config":{"tag":"x"}})"},
        {{"ulimit", "nofile=10:20"}, R"("Ulimits":[{"Name":"nofile","Soft":10,"Hard":20}])"},
        {{"memory-swap", "-1"}, R"("MemorySwap":-1)"},
        {{"shm-size", "64m"}, R"("ShmSize":67108864)"},
        {{"tmpfs", "/run:size=1m"}, R"("Tmpfs":{"/run":"size=1m"})"},
        {{"init", "true"}, R"("Init":true)"},
        {{"user", "1:2"}, R"("User":"1:2")"},
        {{"workdir", "/w"}, R"("WorkingDir":"/w")"},
        {{"entrypoint", "/e"}, R"("Entrypoint":["/e"])"},
        {{"device", "/dev/a"},
         R"({"PathOnHost":"/dev/a","PathInContainer":"/dev/a","CgroupPermissions":"rwm"})"},
        {{"device", "/dev/a:/dev/b:r"},
         R"({"PathOnHost":"/dev/a","PathInContainer":"/dev/b","CgroupPermissions":"r"})"},
        {{"read-only", "true"}, R"("ReadonlyRootfs":true)"},
        {{"security-opt", "no-new-privileges"}, R"("SecurityOpt":["no-new-privileges"])"},
        {{"sysctl", "net.core.somaxconn=10"}, R"("Sysctls":{"net.core.somaxconn":"10"})"},
        {{"pids-limit", "10"}, R"("PidsLimit":10)"},
        {{"cpus", "1.5"}, R"("NanoCpus":1500000000)"},
        {{"publish", "127.0.0.1:80:8080/udp"},
         R"("PortBindings":{"8080/udp":[{"HostIp":"127.0.0.1","HostPort":"80"}]})"},
        {{"p", "80:8080"}, R"("ExposedPorts":{"8080/tcp":{}})"},
    };
    for (const auto& [parameter, json] : cases) {
        Settings settings;
        const auto applied = apply_parameter(settings, parameter.first, parameter.second);
        ASSERT_TRUE(applied) << applied.error().text;
        EXPECT_THAT(encode_settings(settings), HasSubstr(json));
    }
}

TEST(Parameters, RefusalsNameThem) {
    const std::vector<std::array<std::string, 3>> cases = {
        {"frobnicate", "1", "'frobnicate' of the Docker container is unknown"},
        {"rm", "true", "'rm' of the Docker container is the agent's to set"},
        {"restart", "always", "'restart'"},
        {"name", "x", "'name'"},
        {"env-file", "/etc/shadow", "'env-file'"},
        {"pids-limit", "many", "whole number"},
        {"init", "maybe", "true or false"},
        {"ulimit", "nofile", "nofile=1024:2048"},
        {"device", "a:b:xyz", "/dev/fuse"},
        {"shm-size", "1x", "64m"},
        {"publish", "80:http", "8080:80/tcp"},
        {"label", "tepui.container=other", "are the agent's"},
        {"security-opt", "seccomp=/etc/shadow", "JSON text"},
        {"cpus", "-1", "like 1.5"},
    };
    for (const auto& [name, value, text] : cases) {
        Settings settings;
        const auto applied = apply_parameter(settings, name, value);
        ASSERT_FALSE(applied) << name;
        EXPECT_THAT(applied.error().text, HasSubstr(text));
    }
}

LaunchSpec make_spec() {
    LaunchSpec spec;
    spec.container = ContainerId("11111111-2222");
    spec.sandbox = "/w/slaves/sandbox";
    spec.command.set_value("echo hi");
    spec.environment = {{"MESOS_TASK_ID", "t"}, {"MESOS_SANDBOX", "/w/slaves/sandbox"}};
    spec.info.emplace();
    spec.info->set_type(mesos::v1::ContainerInfo::DOCKER);
    spec.info->mutable_docker()->set_image("busybox");
    return spec;
}

CreateContext make_context() {
    CreateContext context;
    context.work_dir = "/w";
    context.agent = "agent-1";
    return context;
}

std::string plan_text(const LaunchSpec& spec, const CreateContext& context = make_context()) {
    const auto plan = plan_create(spec, context);
    return plan ? encode_settings(plan->settings) : "error: " + plan.error().text;
}

TEST(CreatePlan, OfAPlainTask) {
    LaunchSpec spec = make_spec();
    spec.cpus = 0.5;
    spec.mem_mb = 64;
    const auto plan = plan_create(spec, make_context());
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->name, "mesos-11111111-2222");
    const std::string json = encode_settings(plan->settings);
    EXPECT_THAT(json, HasSubstr(R"("Entrypoint":["/bin/sh"])"));
    EXPECT_THAT(json, HasSubstr(R"("Cmd":["-c","echo hi"])"));
    EXPECT_THAT(json, HasSubstr(R"("Binds":["/w/slaves/sandbox:/mnt/mesos/sandbox:rw"])"));
    EXPECT_THAT(json, HasSubstr(R"("MESOS_SANDBOX=/mnt/mesos/sandbox")"));
    EXPECT_THAT(json, HasSubstr(R"("MESOS_CONTAINER_NAME=mesos-11111111-2222")"));
    EXPECT_THAT(json, HasSubstr(R"("MESOS_TASK_ID=t")"));
    EXPECT_THAT(json, HasSubstr(R"("NetworkMode":"host")"));
    EXPECT_THAT(json, HasSubstr(R"("CpuShares":512)"));
    EXPECT_THAT(json, HasSubstr(R"("Memory":67108864)"));
    EXPECT_THAT(json, HasSubstr(R"("tepui.container":"11111111-2222")"));
    EXPECT_THAT(json, HasSubstr(R"("tepui.work_dir":"/w")"));
    EXPECT_THAT(json, ::testing::Not(HasSubstr("CpuQuota")));
}

TEST(CreatePlan, Limits) {
    LaunchSpec spec = make_spec();
    spec.cpus = 1;
    spec.mem_mb = 128;
    spec.mem_request_mb = 64;
    CreateContext context = make_context();
    context.enable_cfs = true;
    EXPECT_THAT(plan_text(spec, context), HasSubstr(R"("CpuQuota":100000)"));
    EXPECT_THAT(plan_text(spec, context), HasSubstr(R"("MemoryReservation":67108864)"));
    spec.cpus_limit = 2.5;
    EXPECT_THAT(plan_text(spec, context), HasSubstr(R"("CpuQuota":250000)"));
    spec.cpus_limit = std::numeric_limits<double>::infinity();
    spec.mem_mb = std::numeric_limits<double>::infinity();
    EXPECT_THAT(plan_text(spec, context), ::testing::Not(HasSubstr("CpuQuota")));
    EXPECT_THAT(plan_text(spec, context), ::testing::Not(HasSubstr(R"("Memory":)")));
    auto* limit = spec.rlimits.emplace().add_rlimits();
    limit->set_type(mesos::v1::RLimitInfo::RLimit::RLMT_NOFILE);
    limit->set_soft(10);
    limit->set_hard(20);
    EXPECT_THAT(plan_text(spec, context),
                HasSubstr(R"("Ulimits":[{"Name":"nofile","Soft":10,"Hard":20}])"));
}

TEST(CreatePlan, Commands) {
    LaunchSpec spec = make_spec();
    spec.command.set_shell(false);
    spec.command.add_arguments("a");
    EXPECT_THAT(plan_text(spec), HasSubstr(R"("Cmd":["echo hi","a"])"));
    EXPECT_THAT(plan_text(spec), ::testing::Not(HasSubstr("Entrypoint")));
    spec.command.clear_value();
    EXPECT_THAT(plan_text(spec), HasSubstr(R"("Cmd":["a"])"));
    spec.command.clear_arguments();
    EXPECT_THAT(plan_text(spec), ::testing::Not(HasSubstr("Cmd")));
    spec.command.set_shell(true);
    EXPECT_THAT(plan_text(spec), HasSubstr("error: the command has no value"));
}

TEST(CreatePlan, NetworksAndPorts) {
    using DockerInfo = mesos::v1::ContainerInfo::DockerInfo;
    LaunchSpec spec = make_spec();
    DockerInfo& docker = *spec.info->mutable_docker();
    auto* mapping = docker.add_port_mappings();
    mapping->set_host_port(31000);
    mapping->set_container_port(80);
    EXPECT_THAT(plan_text(spec), HasSubstr("error: port mappings need the network BRIDGE"));
    docker.set_network(DockerInfo::BRIDGE);
    EXPECT_THAT(plan_text(spec),
                HasSubstr(R"("PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"31000"}]})"));
    mapping->set_protocol("UDP");
    EXPECT_THAT(plan_text(spec), HasSubstr(R"("80/udp")"));
    mapping->set_protocol("icmp");
    EXPECT_THAT(plan_text(spec), HasSubstr("error: the protocol 'icmp'"));
    docker.clear_port_mappings();
    docker.set_network(DockerInfo::USER);
    EXPECT_THAT(plan_text(spec), HasSubstr("error: a Docker container in a network of type USER"));
    spec.info->add_network_infos()->set_name("front");
    EXPECT_THAT(plan_text(spec), HasSubstr(R"("NetworkMode":"front")"));
    spec.info->set_hostname("h");
    EXPECT_THAT(plan_text(spec), HasSubstr(R"("Hostname":"h")"));
    docker.set_network(DockerInfo::HOST);
    EXPECT_THAT(plan_text(spec), HasSubstr("error: a Docker container in the host's network"));
}

TEST(CreatePlan, DefaultDnsIsThatOfTheNetwork) {
    using DockerInfo = mesos::v1::ContainerInfo::DockerInfo;
    LaunchSpec spec = make_spec();
    auto& docker = *spec.info->mutable_docker();
    docker.set_network(DockerInfo::BRIDGE);
    DefaultDns dns;
    dns.docker.push_back({.mode = "bridge",
                          .network = {},
                          .dns = {.nameservers = {"10.0.0.53"},
                                  .domain = "here",
                                  .search = {"there"},
                                  .options = {"ndots:2"}}});
    CreateContext context = make_context();
    context.dns = &dns;
    const auto host = [&] { return plan_create(spec, context)->settings.host; };
    EXPECT_EQ(host().at("Dns"), Field(Texts{"10.0.0.53"}));
    EXPECT_EQ(host().at("DnsSearch"), Field(Texts{"here", "there"}));
    EXPECT_EQ(host().at("DnsOptions"), Field(Texts{"ndots:2"}));
    docker.set_network(DockerInfo::HOST);
    EXPECT_FALSE(host().contains("Dns"));
    docker.set_network(DockerInfo::BRIDGE);
    auto& parameter = *docker.add_parameters();
    parameter.set_key("dns");
    parameter.set_value("8.8.8.8");
    EXPECT_EQ(host().at("Dns"), Field(Texts{"8.8.8.8"})) << "the task's own word stands";
    EXPECT_FALSE(host().contains("DnsSearch"));
}

TEST(CreatePlan, Volumes) {
    using Source = mesos::v1::Volume::Source;
    LaunchSpec spec = make_spec();
    auto* volume = spec.info->add_volumes();
    volume->set_mode(mesos::v1::Volume::RO);
    volume->set_container_path("/data");
    volume->set_host_path("/srv");
    EXPECT_THAT(plan_text(spec), HasSubstr(R"("/srv:/data:ro")"));
    volume->set_host_path("cache/x");
    volume->set_container_path("here");
    const auto plan = plan_create(spec, make_context());
    ASSERT_TRUE(plan);
    EXPECT_THAT(plan->sandbox_paths, ElementsAre("cache/x"));
    EXPECT_THAT(plan_text(spec),
                HasSubstr(R"("/w/slaves/sandbox/cache/x:/mnt/mesos/sandbox/here:ro")"));
    volume->set_host_path("../../etc");
    EXPECT_THAT(plan_text(spec), HasSubstr("error: the volume '../../etc'"));
    volume->set_host_path("/a:/etc");
    EXPECT_THAT(plan_text(spec), HasSubstr("contains a colon"));
    volume->clear_host_path();
    volume->mutable_source()->set_type(Source::DOCKER_VOLUME);
    auto* driver = volume->mutable_source()->mutable_docker_volume();
    driver->set_name("vol");
    driver->set_driver("rexray");
    auto* option = driver->mutable_driver_options()->add_parameter();
    option->set_key("size");
    option->set_value("5");
    EXPECT_THAT(plan_text(spec),
                HasSubstr(R"("Source":"vol","Target":"/mnt/mesos/sandbox/here","ReadOnly":true,)"
                          R"("VolumeOptions":{"DriverConfig":{"Name":"rexray","Options":)"
                          R"({"size":"5"}}})"));
    volume->mutable_source()->set_type(Source::SECRET);
    EXPECT_THAT(plan_text(spec), HasSubstr("error: Secrets"));
}

TEST(CreatePlan, SecretsDoNotReachTheEngine) {
    LaunchSpec spec = make_spec();
    auto* variable = spec.command.mutable_environment()->add_variables();
    variable->set_name("PASSWORD");
    variable->set_type(mesos::v1::Environment::Variable::SECRET);
    variable->mutable_secret()->mutable_value()->set_data("hunter2");
    EXPECT_THAT(plan_text(spec), HasSubstr("error: the variable 'PASSWORD' is a secret"));
    EXPECT_THAT(plan_text(spec), ::testing::Not(HasSubstr("hunter2")));
}

TEST(RegistryAuth, IsOfTheImagesRegistry) {
    EXPECT_EQ(registry_of("busybox"), "docker.io");
    EXPECT_EQ(registry_of("library/busybox"), "docker.io");
    EXPECT_EQ(registry_of("Localhost:5000/a/b:c"), "localhost:5000");
    std::string auth;
    wire::append_base64(auth, "u:p");
    const std::string config = R"({"auths":{"r.example.com":{"auth":")" + auth + R"("}}})";
    const auto header = registry_auth(config, "r.example.com/x:1");
    ASSERT_TRUE(header) << header.error().text;
    std::string text = *header;
    std::ranges::replace(text, '-', '+');
    std::ranges::replace(text, '_', '/');
    std::string json;
    ASSERT_TRUE(wire::decode_base64(text, json));
    EXPECT_THAT(json, HasSubstr(R"("username":"u","password":"p")"));
    EXPECT_EQ(registry_auth(config, "other/x").value_or("?"), "");
    EXPECT_FALSE(registry_auth("not json", "x"));
}

TEST(LogFrames, HoweverTheyAreCut) {
    std::string bytes;
    const auto add = [&](char stream, const std::string& text) {
        bytes += std::string{stream, 0, 0, 0, 0, 0, 0, static_cast<char>(text.size())} + text;
    };
    add(1, "2026-11-23T02:28:59.490822276Z one\n");
    add(2, "2026-11-23T02:28:59.490822277Z two words\n");
    add(1, "2026-11-23T02:28:59.490822278Z ");
    for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
        FrameCutter cutter;
        std::string got;
        for (std::size_t at = 0; at < bytes.size(); at += cut)
            ASSERT_TRUE(
                cutter.feed(std::string_view(bytes).substr(at, cut), [&](const LogFrame& frame) {
                    got += frame.is_stderr ? "E" : "O";
                    got += frame.bytes;
                }));
        EXPECT_EQ(got, "Oone\nEtwo words\nO");
    }
    FrameCutter cutter;
    EXPECT_FALSE(cutter.feed("HTTP/1.1 garbage", [](const LogFrame&) {}));
    EXPECT_EQ(since_text("2026-11-23T02:28:59.490822276Z", 0), "1795400939.490822276");
    EXPECT_EQ(since_text("2026-11-23T02:28:59.490822276Z", 10), "1795400929.490822276");
    EXPECT_EQ(since_text("nonsense", 0), "0");
}

TEST(LogFrames, FramesOfACommandHaveNoTimes) {
    const std::string bytes = std::string{1, 0, 0, 0, 0, 0, 0, 3} + "one" +
                              std::string{2, 0, 0, 0, 0, 0, 0, 9} + "two words";
    for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
        FrameCutter cutter(false);
        std::string got;
        for (std::size_t at = 0; at < bytes.size(); at += cut)
            ASSERT_TRUE(
                cutter.feed(std::string_view(bytes).substr(at, cut), [&](const LogFrame& frame) {
                    got += frame.is_stderr ? "E" : "O";
                    got += frame.bytes;
                }));
        EXPECT_EQ(got, "OoneEtwo words");
    }
}

TEST(Exec, SaysWhatIsWished) {
    mesos::v1::CommandInfo command;
    command.set_value("echo $A");
    auto* variable = command.mutable_environment()->add_variables();
    variable->set_name("A");
    variable->set_value("b \"c\"");
    EXPECT_EQ(exec_body(command, {}),
              R"({"AttachStdout":true,"AttachStderr":true,"Cmd":["/bin/sh","-c","echo $A"],)"
              R"("Env":["A=b \"c\""]})");
    command.Clear();
    command.set_shell(false);
    command.set_value("ls");
    command.add_arguments("list");
    command.add_arguments("-l");
    EXPECT_EQ(exec_body(command, {true, true, "app"}),
              R"({"AttachStdout":true,"AttachStderr":true,"AttachStdin":true,"Tty":true,)"
              R"("User":"app","Cmd":["ls","-l"],"Env":[]})");
}

TEST(Usage, FindsTheCgroupOfAController) {
    const std::string text = "9:name=systemd:/docker/x\n4:cpu,cpuacct:/docker/y\n0::/z\n";
    EXPECT_EQ(cgroup_of(text, "cpuacct"), "/docker/y");
    EXPECT_EQ(cgroup_of(text, ""), "/z");
    EXPECT_EQ(cgroup_of(text, "memory"), "");
}

}  // namespace
}  // namespace tepui::containerizer::docker
