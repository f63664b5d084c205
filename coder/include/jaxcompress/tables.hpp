// Quantized cumulative distributions (CDFs), checked and prepared for coding.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/format.hpp"

namespace jaxcompress {

// One distribution: symbol s takes the codes [cdf[s], cdf[s + 1]). Values offset, offset + 1, ... are
// the symbols 0, 1, ... up to the last symbol, which is the escape for every other value.
//
// A view of a CdfTables, which must outlive it.
class Table {
 public:
  // `cdf` is strictly increasing from 0 to 2^16 and has at least two symbols.
  Table(std::span<const std::uint32_t> cdf, std::int32_t offset) : cdf_(cdf), offset_(offset) {}

  std::int32_t offset() const { return offset_; }
  std::uint32_t escape() const { return static_cast<std::uint32_t>(cdf_.size() - 2); }
  std::uint32_t start(std::uint32_t symbol) const { return cdf_[symbol]; }
  std::uint32_t width(std::uint32_t symbol) const { return cdf_[symbol + 1] - cdf_[symbol]; }

  // The symbol that owns `code`, which is below 2^16.
  std::uint32_t find(std::uint32_t code) const {
    return static_cast<std::uint32_t>(std::ranges::upper_bound(cdf_, code) - cdf_.begin() - 1);
  }

 private:
  std::span<const std::uint32_t> cdf_;
  std::int32_t offset_;
};

// How to put a symbol on a state x: with q = high_product(x, factor) >> shift the next state is
// x + bias + q * (2^16 - width), which is (x / width << 16) + x % width + start; see reciprocal.hpp.
struct EncoderSymbol {
  std::uint64_t factor;
  std::uint32_t bias;
  std::uint16_t width;
  std::uint16_t shift;
};

// A table as the encoder sees it.
struct EncoderTable {
  std::uint32_t first;  // of its symbols in CdfTables::encoder_symbols()
  std::uint32_t escape;
  std::int32_t offset;
};

// A table as the decoder sees it. Codes are looked up by their upper 8 bits.
struct alignas(64) DecoderTable {
  static constexpr int kCellShift = 8;
  static constexpr std::size_t kCells = kProbabilityOne >> kCellShift;

  // The symbol that owns all codes of the cell; its width is 0 if the cell belongs to several.
  struct Cell {
    std::uint16_t width;
    std::uint16_t start;
  };

  std::array<Cell, kCells> cells;
  // The symbol that owns the first code of the cell.
  std::array<std::uint16_t, kCells> symbols;
  // The value that is nearly certain, to be tested first, or a width of 0 if there is none.
  std::uint32_t likely_start;
  std::uint32_t likely_width;
  std::int32_t likely_value;

  std::int32_t offset;
  std::uint32_t escape;
  std::uint32_t first;  // of its entries in CdfTables::cdf()
};

// A set of tables, of which every coded symbol names one by its index. Never changes once made, so threads
// may share it.
class CdfTables {
 public:
  // `cdf` is [rows, width] in C order; of row r the first lengths[r] entries are used.
  // Throws std::invalid_argument, naming the entry, for tables that cannot be coded with.
  CdfTables(std::span<const std::int32_t> cdf, std::size_t rows, std::size_t width,
            std::span<const std::int32_t> lengths, std::span<const std::int32_t> offsets);

  std::size_t size() const { return encoder_tables_.size(); }

  // The table that indexes[position] == index names; throws std::invalid_argument if there is none.
  Table at(std::int64_t index, std::size_t position) const;

  // For the coders, size() tables each, and the symbols and entries of all tables one after the other.
  const EncoderTable* encoder_tables() const { return encoder_tables_.data(); }
  const EncoderSymbol* encoder_symbols() const { return encoder_symbols_.data(); }
  const DecoderTable* decoder_tables() const { return decoder_tables_.data(); }
  const std::uint32_t* cdf() const { return cdf_.data(); }

 private:
  void add(std::span<const std::int32_t> cdf, std::int32_t offset);

  std::vector<EncoderTable> encoder_tables_;
  std::vector<EncoderSymbol> encoder_symbols_;
  std::vector<DecoderTable> decoder_tables_;
  std::vector<std::uint32_t> cdf_;
};

}  // namespace jaxcompress
