#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tepui::cli {

/// Rows under headings, in columns wide enough for what is in them. Colour goes to headings and to
/// cells that carry a tone; plain text otherwise. The last column is never padded.
class Table {
public:
    enum class Align : std::uint8_t { left, right };
    enum class Tone : std::uint8_t { plain, good, warning, bad };

    struct Column {
        std::string heading;
        Align align = Align::left;
    };
    struct Cell {
        std::string text;
        Tone tone = Tone::plain;
        Cell(std::string value, Tone color = Tone::plain) : text(std::move(value)), tone(color) {}
        Cell(const char* value) : text(value) {}
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// A row with fewer cells than columns is filled with empty ones; more are cut.
    void add(std::vector<Cell> row);
    /// What a terminal needs to show a tone; empty for plain.
    static std::string_view escape_of(Tone tone);
    bool empty() const { return rows_.empty(); }
    /// Control characters of cells are shown as '?', so that a task's name cannot steer a terminal.
    std::string render(bool color) const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

/// How many columns of a terminal UTF-8 text takes, one for each code point.
std::size_t display_width(std::string_view text);

}  // namespace tepui::cli
