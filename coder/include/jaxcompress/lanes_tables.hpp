// CdfTables in the form that lanes are coded with: one load finds what a symbol or a code needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/lanes_format.hpp"
#include "jaxcompress/tables.hpp"

namespace jaxcompress {

// What coding a symbol needs: the codes [start, start + width) and a divisor's reciprocal.
struct LaneEntry {
  std::uint16_t start;
  std::uint16_t width;
  std::uint32_t reciprocal;  // floor(2^32 / width), or 2^32 - 1 for width 1
};

// The (one or two) symbols of 256 codes: one from start0, and the next from start1, which may lie beyond. Width 0
// marks cells of more symbols, of an escape, and of values that do not fit value0: these have, in the place of
// the starts, the first and the last symbol.
struct LaneCell {
  std::uint16_t start0;
  std::uint16_t start1;
  std::uint16_t width1;
  std::int16_t value0;
};

struct LaneRow {
  std::int32_t offset;
  std::uint32_t escape;  // the table's last symbol
  std::size_t first;     // where its entries begin
};

// What a code means: a value, unless it is the escape.
struct LaneSymbol {
  std::int32_t value;
  std::uint32_t start;
  std::uint32_t width;
  bool is_escape;
};

// Keeps a reference: `tables` must outlive it. Never changes once made, so threads may share it.
class LaneTables {
 public:
  static constexpr int kCellShift = 8;
  static constexpr int kCellBits = kProbabilityBits - kCellShift;
  static constexpr int kNearBits = 8;
  static constexpr std::uint32_t kNearHalf = 1U << (kNearBits - 1);

  explicit LaneTables(const CdfTables& tables);

  // Throws std::invalid_argument for the first index without a table; `position` is that of indexes[0].
  template <typename Index>
  void check(std::span<const Index> indexes, std::size_t position) const;

  // From here on `row` is the index of a table.
  const LaneRow& row(std::size_t row) const { return rows_[row]; }

  const LaneEntry& entry(const LaneRow& row, std::uint32_t symbol) const {
    return entries_[row.first + symbol];
  }

  // The entries of the values from -128 to 127, that of value v at row << kNearBits | (v + 128), with width 0
  // for escapes. Behind them is one more, at `far`, that has width 0.
  const LaneEntry* near() const { return near_.data(); }
  std::uint32_t far() const { return static_cast<std::uint32_t>(near_.size() - 1); }

  const LaneCell* cells() const { return cells_.data(); }

  // What `code`, which is below 2^16, means.
  LaneSymbol find(std::size_t row, std::uint32_t code) const {
    const LaneCell& cell = cells_[row << kCellBits | code >> kCellShift];
    if (cell.width1 == 0) return search(row, code);
    const bool second = code >= cell.start1;
    const std::uint32_t start = second ? cell.start1 : cell.start0;
    const std::uint32_t width = second ? cell.width1 : std::uint32_t{cell.start1} - cell.start0;
    return {cell.value0 + std::int32_t{second}, start, width, false};
  }

  // The same for cells of width 0.
  LaneSymbol search(std::size_t row, std::uint32_t code) const;

 private:
  void add(const Table& table);

  const CdfTables& tables_;
  std::vector<LaneRow> rows_;
  std::vector<LaneEntry> entries_;
  std::vector<LaneEntry> near_;
  std::vector<LaneCell> cells_;
};

}  // namespace jaxcompress
