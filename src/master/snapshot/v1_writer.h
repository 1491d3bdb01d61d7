#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "master/snapshot/items.h"
#include "wire/json_writer.h"
#include "wire/media.h"

namespace tepui::master {

/// Writes a mesos.v1.master.Response out of parts that are rendered already, in either encoding.
/// Fields are given with both their names: the text and the number of the .proto.
class V1Writer {
public:
    /// Begins a response of that type.
    V1Writer(wire::Media media, mesos::v1::master::Response::Type type);

    /// Begins a message of any kind whose first field is its type.
    V1Writer(wire::Media media, std::string_view type_name, int type_number, int type_value);

    /// A field that is a message.
    void begin_message(std::string_view name, int number);
    void end_message();
    /// A repeated field; between begin and end its elements are added.
    void begin_list(std::string_view name, int number);
    void add(const Item& item);
    void add(const google::protobuf::Message& message);
    void end_list();

    /// Not in a list.
    void add_double(std::string_view name, int number, double value);

    /// The whole response.
    std::string finish();

private:
    void append_field(int number, std::string_view bytes);

    const wire::Media media_;
    std::vector<std::string> open_;  // Protobuf: the messages being written, the outermost first.
    std::vector<int> numbers_;       // Protobuf: of open_[1], open_[2], …
    std::string text_;               // JSON.
    wire::JsonWriter json_{text_};
    int list_number_ = 0;
};

}  // namespace tepui::master
