#include "jaxcompress/tables.hpp"

#include <stdexcept>

#include "jaxcompress/errors.hpp"
#include "jaxcompress/reciprocal.hpp"

namespace jaxcompress {
namespace {

// Keeps symbol - offset, and offset + decoded value, far from the ends of their integer types.
constexpr std::int32_t kOffsetLimit = 1 << 30;

// Two symbols: one that the table can hold and the escape. With the escape alone nothing would have a
// probability below one, and the coder's widths would not fit 16 bits.
constexpr std::int32_t kMinLength = 3;

// Entries are counted in 32 bits.
constexpr std::size_t kMaxEntries = std::size_t{1} << 31;

void check_sizes(std::size_t entries, std::size_t rows, std::size_t width, std::size_t lengths,
                 std::size_t offsets) {
  if (rows == 0) throw std::invalid_argument("cdf has no rows, expected one row per table");
  if (entries / rows != width || entries % rows != 0) {
    throw std::invalid_argument(concat("cdf has ", entries, " entries, expected ", rows, " x ", width));
  }
  if (lengths != rows) {
    throw std::invalid_argument(concat("lengths has ", lengths, " entries but cdf has ", rows,
                                       " rows; give one length per row"));
  }
  if (offsets != rows) {
    throw std::invalid_argument(concat("offsets has ", offsets, " entries but cdf has ", rows,
                                       " rows; give one offset per row"));
  }
}

void check_row(std::span<const std::int32_t> cdf, std::size_t row) {
  if (cdf.front() != 0) {
    throw std::invalid_argument(concat("cdf[", row, ", 0] is ", cdf.front(), ", expected 0"));
  }
  if (cdf.back() != std::int32_t{kProbabilityOne}) {
    throw std::invalid_argument(concat("cdf[", row, ", ", cdf.size() - 1, "] is ", cdf.back(),
                                       ", expected 65536 there because lengths[", row, "] is ", cdf.size()));
  }
  for (std::size_t i = 1; i < cdf.size(); ++i) {
    if (cdf[i] <= cdf[i - 1]) {
      throw std::invalid_argument(concat("cdf[", row, ", ", i, "] is ", cdf[i], " after ", cdf[i - 1],
                                         ", expected strictly increasing entries so that every symbol has "
                                         "a probability (pmf_to_cdf makes such rows)"));
    }
  }
}

EncoderSymbol encoder_symbol(std::uint32_t start, std::uint32_t width) {
  const Reciprocal reciprocal = Reciprocal::of(width);
  // For width 1 the quotient comes out as x - 1, one too few.
  const std::uint32_t bias = width == 1 ? start + kProbabilityOne - 1 : start;
  return {reciprocal.factor, bias, static_cast<std::uint16_t>(width),
          static_cast<std::uint16_t>(reciprocal.shift)};
}

// Tables whose most probable value is more probable than this have it tested first: such a branch is
// predicted well enough to be faster than a look-up, which everything after it waits for. (Measured: 0.70 to
// 0.80 are alike, 0.87 and 0.93 slower.)
constexpr double kLikely = 0.75;

DecoderTable decoder_table(const Table& table, std::uint32_t first) {
  DecoderTable result{};
  result.offset = table.offset();
  result.escape = table.escape();
  result.first = first;
  std::uint32_t symbol = 0;
  for (std::uint32_t i = 0; i < DecoderTable::kCells; ++i) {
    const std::uint32_t begin = i << DecoderTable::kCellShift;
    const std::uint32_t end = begin + (1U << DecoderTable::kCellShift);
    while (table.start(symbol) + table.width(symbol) <= begin) ++symbol;
    result.symbols[i] = static_cast<std::uint16_t>(symbol);
    if (end <= table.start(symbol) + table.width(symbol)) {
      result.cells[i] = {static_cast<std::uint16_t>(table.width(symbol)),
                         static_cast<std::uint16_t>(table.start(symbol))};
    }
  }
  for (std::uint32_t s = 0; s < table.escape(); ++s) {
    if (table.width(s) > kLikely * kProbabilityOne) {
      result.likely_start = table.start(s);
      result.likely_width = table.width(s);
      result.likely_value = table.offset() + static_cast<std::int32_t>(s);
    }
  }
  return result;
}

}  // namespace

CdfTables::CdfTables(std::span<const std::int32_t> cdf, std::size_t rows, std::size_t width,
                     std::span<const std::int32_t> lengths, std::span<const std::int32_t> offsets) {
  check_sizes(cdf.size(), rows, width, lengths.size(), offsets.size());
  encoder_tables_.reserve(rows);
  decoder_tables_.reserve(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::int32_t length = lengths[row];
    const std::int32_t offset = offsets[row];
    if (length < kMinLength || static_cast<std::size_t>(length) > width) {
      throw std::invalid_argument(concat("lengths[", row, "] is ", length, ", expected at least ", kMinLength,
                                         " (two symbols, the last of them the escape) and at most ", width,
                                         " (the width of cdf)"));
    }
    if (offset < -kOffsetLimit || offset > kOffsetLimit) {
      throw std::invalid_argument(concat("offsets[", row, "] is ", offset, ", expected ", -kOffsetLimit,
                                         " to ", kOffsetLimit));
    }
    const auto entries = cdf.subspan(row * width, static_cast<std::size_t>(length));
    check_row(entries, row);
    if (cdf_.size() + entries.size() > kMaxEntries) {
      throw std::invalid_argument(concat("the rows of cdf up to row ", row, " have more than ", kMaxEntries,
                                         " entries"));
    }
    add(entries, offset);
  }
}

void CdfTables::add(std::span<const std::int32_t> cdf, std::int32_t offset) {
  const auto first = static_cast<std::uint32_t>(cdf_.size());
  cdf_.insert(cdf_.end(), cdf.begin(), cdf.end());
  const Table table(std::span<const std::uint32_t>(cdf_).subspan(first), offset);
  // The symbols of a table are one fewer than its entries; the last place stays empty, so that the symbols
  // and entries of a table begin at the same place.
  encoder_tables_.push_back({first, table.escape(), offset});
  for (std::uint32_t s = 0; s <= table.escape(); ++s) {
    encoder_symbols_.push_back(encoder_symbol(table.start(s), table.width(s)));
  }
  encoder_symbols_.push_back({});
  decoder_tables_.push_back(decoder_table(table, first));
}

Table CdfTables::at(std::int64_t index, std::size_t position) const {
  // A negative index is a huge unsigned one.
  if (static_cast<std::uint64_t>(index) >= size()) {
    throw std::invalid_argument(concat("indexes[", position, "] is ", index, " but there are ", size(),
                                       " tables (expected 0 to ", size() - 1, ")"));
  }
  const EncoderTable& table = encoder_tables_[static_cast<std::size_t>(index)];
  return {std::span(cdf_).subspan(table.first, std::size_t{table.escape} + 2), table.offset};
}

}  // namespace jaxcompress
