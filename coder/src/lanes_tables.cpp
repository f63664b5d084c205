#include "jaxcompress/lanes_tables.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>

namespace jaxcompress {
namespace {

std::uint32_t reciprocal(std::uint32_t width) {
  constexpr std::uint32_t largest = std::numeric_limits<std::uint32_t>::max();
  return width == 1 ? largest : static_cast<std::uint32_t>((std::uint64_t{1} << 32) / width);
}

bool fits_cell(std::int32_t value) {
  using Limits = std::numeric_limits<std::int16_t>;
  return Limits::min() <= value && value <= Limits::max();
}

// The cell whose codes begin with `code`, which belongs to `symbol`.
LaneCell make_cell(const Table& table, std::uint32_t symbol, std::uint32_t code) {
  const std::uint32_t last_code = code + (1U << LaneTables::kCellShift) - 1;
  std::uint32_t last = symbol;
  while (table.start(last) + table.width(last) <= last_code) ++last;
  const std::int32_t value = table.offset() + static_cast<std::int32_t>(symbol);
  if (last > symbol + 1 || last == table.escape() || !fits_cell(value) || !fits_cell(value + 1)) {
    return {static_cast<std::uint16_t>(symbol), static_cast<std::uint16_t>(last), 0, 0};
  }
  // The symbol is not the escape, so there is another behind it.
  return {static_cast<std::uint16_t>(table.start(symbol)), static_cast<std::uint16_t>(table.start(symbol + 1)),
          static_cast<std::uint16_t>(table.width(symbol + 1)), static_cast<std::int16_t>(value)};
}

}  // namespace

LaneTables::LaneTables(const CdfTables& tables) : tables_(tables) {
  rows_.reserve(tables.size());
  cells_.reserve(tables.size() << kCellBits);
  near_.reserve((tables.size() << kNearBits) + 1);
  for (std::size_t row = 0; row < tables.size(); ++row) {
    add(tables.at(static_cast<std::int64_t>(row), row));
  }
  near_.push_back({0, 0, 0});
}

void LaneTables::add(const Table& table) {
  rows_.push_back({table.offset(), table.escape(), entries_.size()});
  for (std::uint32_t symbol = 0; symbol <= table.escape(); ++symbol) {
    const std::uint32_t width = table.width(symbol);
    entries_.push_back({static_cast<std::uint16_t>(table.start(symbol)), static_cast<std::uint16_t>(width),
                        reciprocal(width)});
  }
  for (std::int64_t i = 0; i < 1 << kNearBits; ++i) {
    const std::int64_t symbol = i - std::int64_t{kNearHalf} - table.offset();
    const bool is_value = 0 <= symbol && symbol < std::int64_t{table.escape()};
    near_.push_back(is_value ? entries_[rows_.back().first + static_cast<std::size_t>(symbol)] : LaneEntry{0, 0, 0});
  }
  for (std::uint32_t code = 0; code < kProbabilityOne; code += 1U << kCellShift) {
    cells_.push_back(make_cell(table, table.find(code), code));
  }
}

template <typename Index>
void LaneTables::check(std::span<const Index> indexes, std::size_t position) const {
  // A negative index is a huge unsigned one.
  using Unsigned = std::make_unsigned_t<Index>;
  Unsigned largest = 0;
  for (const Index index : indexes) largest = std::max(largest, static_cast<Unsigned>(index));
  if (largest < rows_.size() || indexes.empty()) return;
  for (std::size_t i = 0; i < indexes.size(); ++i) tables_.at(indexes[i], position + i);
}

LaneSymbol LaneTables::search(std::size_t index, std::uint32_t code) const {
  const LaneRow& row = rows_[index];
  const LaneCell& cell = cells_[index << kCellBits | code >> kCellShift];
  const LaneEntry* entries = entries_.data() + row.first;
  // The last symbol that begins at or before `code`. Cells have few symbols, except in very wide tables.
  const LaneEntry* after =
      std::upper_bound(entries + cell.start0 + 1, entries + cell.start1 + 1, code,
                       [](std::uint32_t value, const LaneEntry& entry) { return value < entry.start; });
  const auto symbol = static_cast<std::uint32_t>(after - entries - 1);
  return {row.offset + static_cast<std::int32_t>(symbol), entries[symbol].start, entries[symbol].width,
          symbol == row.escape};
}

template void LaneTables::check(std::span<const std::uint8_t>, std::size_t) const;
template void LaneTables::check(std::span<const std::int32_t>, std::size_t) const;

}  // namespace jaxcompress
