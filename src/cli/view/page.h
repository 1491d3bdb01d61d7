#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/table.h"

namespace tepui::cli {

/// A page about one object: fields with their values in a column, then sections.
class Page {
public:
    /// A field without a value is left out.
    void field(std::string name, Table::Cell value);
    /// A table under a heading; an empty one says `none` instead, or is left out if that is empty.
    void section(std::string heading, const Table& table, bool color, std::string_view none = "");

    std::string render(bool color) const;

private:
    struct Field {
        std::string name;
        Table::Cell value;
    };
    std::vector<Field> fields_;
    std::string sections_;
};

}  // namespace tepui::cli
