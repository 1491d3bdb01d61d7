// api/tables/*.tsv list every field and enum value of Mesos' v1 messages. The compiled messages
// must have exactly those: a wrong number or type would break the wire without breaking the build.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <fstream>

#include "mesos/v1/agent/agent.pb.h"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/master/master.pb.h"
#include "mesos/v1/resource_provider/resource_provider.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace tepui::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

const char* const names[] = {"agent", "allocator",         "executor", "maintenance", "master",
                             "mesos", "resource_provider", "quota",    "scheduler"};

/// Writes the rows of one compiled file in the format of the tables.
class Rows {
public:
    explicit Rows(const FileDescriptor& file)
        : prefix_(file.name() + '\t' + file.package() + '\t'), package_(file.package()) {
        for (int i = 0; i < file.enum_type_count(); ++i) add(*file.enum_type(i));
        for (int i = 0; i < file.message_type_count(); ++i) add(*file.message_type(i));
    }

    std::vector<std::string> take() { return std::move(rows_); }

private:
    std::string inside(const std::string& full_name) const {
        return full_name.substr(package_.size() + 1);
    }

    void add(const EnumDescriptor& type) {
        for (int i = 0; i < type.value_count(); ++i) {
            const auto& value = *type.value(i);
            row(inside(type.full_name()), "enumvalue", "", "", value.name(),
                std::to_string(value.number()), "", value.options().deprecated());
        }
    }

    void add(const Descriptor& type) {
        const std::string container =
            inside(type.full_name()) + (type.options().map_entry() ? " (map_entry)" : "");
        for (int i = 0; i < type.field_count(); ++i) {
            const FieldDescriptor& field = *type.field(i);
            row(container, "field", label_of(field), type_of(field), field.name(),
                std::to_string(field.number()), default_of(field), field.options().deprecated());
        }
        for (int i = 0; i < type.real_oneof_decl_count(); ++i) {
            row(container, "oneof", "", "", type.oneof_decl(i)->name(), "", "", false);
        }
        for (int i = 0; i < type.nested_type_count(); ++i) add(*type.nested_type(i));
        for (int i = 0; i < type.enum_type_count(); ++i) add(*type.enum_type(i));
        if (type.field_count() == 0) row(container, "message", "", "", "", "", "", false);
    }

    static std::string label_of(const FieldDescriptor& field) {
        if (const auto* oneof = field.real_containing_oneof()) return "oneof:" + oneof->name();
        return field.is_repeated() ? "repeated" : field.is_required() ? "required" : "optional";
    }

    static std::string type_of(const FieldDescriptor& field) {
        if (field.message_type() != nullptr) return field.message_type()->full_name();
        if (field.enum_type() != nullptr) return field.enum_type()->full_name();
        return field.type_name();
    }

    static std::string default_of(const FieldDescriptor& field) {
        if (!field.has_default_value()) return "";
        switch (field.cpp_type()) {
            case FieldDescriptor::CPPTYPE_INT32: return std::to_string(field.default_value_int32());
            case FieldDescriptor::CPPTYPE_UINT32:
                return std::to_string(field.default_value_uint32());
            case FieldDescriptor::CPPTYPE_DOUBLE:
                return fmt::format("{:g}", field.default_value_double());
            case FieldDescriptor::CPPTYPE_BOOL:
                return field.default_value_bool() ? "true" : "false";
            case FieldDescriptor::CPPTYPE_STRING: return field.default_value_string();
            case FieldDescriptor::CPPTYPE_ENUM: return field.default_value_enum()->name();
            default: return "a default of a type that the tables don't have";
        }
    }

    void row(const std::string& container, std::string_view kind, const std::string& label,
             const std::string& type, const std::string& name, const std::string& number,
             const std::string& default_value, bool deprecated) {
        rows_.push_back(fmt::format("{}{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", prefix_, container, kind,
                                    label, type, name, number, default_value,
                                    deprecated ? "true" : ""));
    }

    const std::string prefix_;
    const std::string package_;
    std::vector<std::string> rows_;
};

std::vector<std::string> table_of_file(const std::string& name) {
    std::ifstream in(TEPUI_SOURCE_DIR "/api/tables/" + name + ".tsv");
    std::vector<std::string> rows;
    std::string line;
    std::getline(in, line);  // The column names.
    EXPECT_EQ(line,
              "file\tpackage\tcontainer\tkind\tlabel\ttype\tname\tnumber\tdefault\tdeprecated");
    while (std::getline(in, line)) rows.push_back(line);
    return rows;
}

TEST(Tables, CompiledMessagesHaveExactlyTheRowsOfTheTables) {
    // Naming the types keeps their files linked into this program.
    mesos::v1::agent::Call::descriptor();
    mesos::v1::executor::Call::descriptor();
    mesos::v1::master::Call::descriptor();
    mesos::v1::resource_provider::Call::descriptor();
    for (const std::string name : names) {
        SCOPED_TRACE(name);
        const std::string path =
            name == "mesos" ? "mesos/v1/mesos.proto" : fmt::format("mesos/v1/{0}/{0}.proto", name);
        const auto* file = google::protobuf::DescriptorPool::generated_pool()->FindFileByName(path);
        ASSERT_NE(file, nullptr) << path;
        const auto want = table_of_file(name);
        const auto have = Rows(*file).take();
        EXPECT_FALSE(want.empty());
        const std::set<std::string> wanted(want.begin(), want.end());
        const std::set<std::string> had(have.begin(), have.end());
        for (const auto& row : wanted) EXPECT_TRUE(had.contains(row)) << "not compiled: " << row;
        for (const auto& row : had)
            EXPECT_TRUE(wanted.contains(row)) << "not in the table: " << row;
    }
}

}  // namespace
}  // namespace tepui::wire
