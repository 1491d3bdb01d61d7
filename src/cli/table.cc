#include "cli/table.h"

#include <algorithm>
#include <utility>

#include "cli/view/text.h"

namespace tepui::cli {

namespace {

void append_cell(std::string& line, const std::string& text, std::string_view escape,
                 std::size_t width, Table::Align align, bool last) {
    const std::size_t taken = display_width(text);
    const std::string padding(width > taken ? width - taken : 0, ' ');
    if (align == Table::Align::right) line += padding;
    if (!escape.empty()) line += escape;
    line += text;
    if (!escape.empty()) line += "\033[0m";
    if (align == Table::Align::left && !last) line += padding;
    if (!last) line += "  ";
}

}  // namespace

std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // Not a continuation byte.
    }));
}

std::string_view Table::escape_of(Tone tone) {
    switch (tone) {
        case Tone::plain: return "";
        case Tone::good: return "\033[32m";
        case Tone::warning: return "\033[33m";
        case Tone::bad: return "\033[31m";
    }
    return "";
}

void Table::add(std::vector<Cell> row) {
    row.resize(columns_.size(), Cell(""));
    for (Cell& cell : row) cell.text = printable(std::move(cell.text));
    rows_.push_back(std::move(row));
}

std::string Table::render(bool color) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t width = display_width(columns_[i].heading);
        for (const auto& row : rows_) width = std::max(width, display_width(row[i].text));
        widths.push_back(width);
    }
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        append_cell(text, columns_[i].heading, color ? "\033[1m" : "", widths[i], columns_[i].align,
                    i + 1 == columns_.size());
    }
    text += '\n';
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            append_cell(line, row[i].text, color ? escape_of(row[i].tone) : "", widths[i],
                        columns_[i].align, i + 1 == row.size());
        }
        while (!line.empty() && line.back() == ' ') line.pop_back();
        text += line + '\n';
    }
    return text;
}

}  // namespace tepui::cli
