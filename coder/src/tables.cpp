#include "jaxcompress/tables.hpp"

#include <stdexcept>

#include "jaxcompress/errors.hpp"

namespace jaxcompress {
namespace {

// Keeps symbol - offset, and offset + decoded value, far from the ends of their integer types.
constexpr std::int32_t kOffsetLimit = 1 << 30;

// Two symbols: one that the table can hold and the escape. With the escape alone nothing would have a
// probability below one, and the coder's widths would not fit 16 bits.
constexpr std::int32_t kMinLength = 3;

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

}  // namespace

Table::Table(std::span<const std::int32_t> cdf, std::int32_t offset)
    : cdf_(cdf.begin(), cdf.end()), offset_(offset) {
  std::uint32_t symbol = 0;
  for (std::uint32_t b = 0; b < bucket_.size(); ++b) {
    while (cdf_[symbol + 1] <= b << kBucketShift) ++symbol;
    bucket_[b] = static_cast<std::uint16_t>(symbol);
  }
}

CdfTables::CdfTables(std::span<const std::int32_t> cdf, std::size_t rows, std::size_t width,
                     std::span<const std::int32_t> lengths, std::span<const std::int32_t> offsets) {
  check_sizes(cdf.size(), rows, width, lengths.size(), offsets.size());
  tables_.reserve(rows);
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
    tables_.emplace_back(entries, offset);
  }
}

void CdfTables::throw_no_table(std::int64_t index, std::size_t position) const {
  throw std::invalid_argument(concat("indexes[", position, "] is ", index, " but there are ", tables_.size(),
                                     " tables (expected 0 to ", tables_.size() - 1, ")"));
}

}  // namespace jaxcompress
