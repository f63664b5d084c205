// Quantized cumulative distributions (CDFs), checked and prepared for coding.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/format.hpp"

namespace jaxcompress {

// One distribution: symbol s takes the codes [cdf[s], cdf[s + 1]). Values offset, offset + 1, ... are
// the symbols 0, 1, ... up to the last symbol, which is the escape for every other value.
class Table {
 public:
  // `cdf` is strictly increasing from 0 to 2^16 and has at least two symbols.
  Table(std::span<const std::int32_t> cdf, std::int32_t offset);

  std::int32_t offset() const { return offset_; }
  std::uint32_t escape() const { return static_cast<std::uint32_t>(cdf_.size() - 2); }
  std::uint32_t start(std::uint32_t symbol) const { return cdf_[symbol]; }
  std::uint32_t width(std::uint32_t symbol) const { return cdf_[symbol + 1] - cdf_[symbol]; }

  // The symbol that owns `code`, which is below 2^16.
  std::uint32_t find(std::uint32_t code) const {
    std::uint32_t symbol = bucket_[code >> kBucketShift];
    while (cdf_[symbol + 1] <= code) ++symbol;
    return symbol;
  }

 private:
  static constexpr int kBucketShift = 8;

  std::vector<std::uint32_t> cdf_;
  // bucket_[b] is the symbol that owns code b << kBucketShift: where the search in find() begins.
  std::array<std::uint16_t, (kProbabilityOne >> kBucketShift)> bucket_;
  std::int32_t offset_;
};

// A set of tables, of which every coded symbol names one by its index. Never changes once made, so threads
// may share it.
class CdfTables {
 public:
  // `cdf` is [rows, width] in C order; of row r the first lengths[r] entries are used.
  // Throws std::invalid_argument, naming the entry, for tables that cannot be coded with.
  CdfTables(std::span<const std::int32_t> cdf, std::size_t rows, std::size_t width,
            std::span<const std::int32_t> lengths, std::span<const std::int32_t> offsets);

  std::size_t size() const { return tables_.size(); }

  // The table that indexes[position] == index names; throws std::invalid_argument if there is none.
  const Table& at(std::int64_t index, std::size_t position) const {
    // A negative index is a huge unsigned one.
    if (static_cast<std::uint64_t>(index) >= tables_.size()) throw_no_table(index, position);
    return tables_[static_cast<std::size_t>(index)];
  }

 private:
  [[noreturn]] void throw_no_table(std::int64_t index, std::size_t position) const;

  std::vector<Table> tables_;
};

}  // namespace jaxcompress
