#include "cli/view/page.h"

#include <algorithm>

#include <fmt/core.h>

#include "cli/view/text.h"

namespace tepui::cli {

void Page::field(std::string name, Table::Cell value) {
    if (value.text.empty()) return;
    value.text = printable(std::move(value.text));
    fields_.push_back({std::move(name), std::move(value)});
}

void Page::section(std::string heading, const Table& table, bool color, std::string_view none) {
    if (table.empty() && none.empty()) return;
    sections_ += fmt::format("\n{}:\n", heading);
    std::string text = table.empty() ? std::string(none) + '\n' : table.render(color);
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = text.find('\n', start);
        sections_ += "  " + text.substr(start, end - start) + '\n';
        start = end + 1;
    }
}

std::string Page::render(bool color) const {
    std::size_t width = 0;
    for (const Field& field : fields_) width = std::max(width, field.name.size());
    std::string text;
    for (const Field& field : fields_) {
        const std::string_view escape = color ? Table::escape_of(field.value.tone) : "";
        text += fmt::format("{:<{}}  {}{}{}\n", field.name + ':', width + 1, escape,
                            field.value.text, escape.empty() ? "" : "\033[0m");
    }
    return text + sections_;
}

}  // namespace tepui::cli
