#include "jaxcompress/lanes_kernels.hpp"

#include <stdexcept>

#include "jaxcompress/errors.hpp"
#include "jaxcompress/format.hpp"

namespace jaxcompress {
namespace {

[[noreturn]] void throw_too_far(std::int32_t symbol, std::size_t position, std::size_t index, const LaneRow& row) {
  // Raw values below kRawEnd reach this far below symbol 0 and above the escape.
  constexpr auto reach = static_cast<std::int64_t>(kRawEnd / 2);
  throw std::invalid_argument(concat("symbols[", position, "] is ", symbol, " but table ", index, " can code ",
                                     row.offset - reach, " to ", row.offset + std::int64_t{row.escape} + reach - 1,
                                     "; clip the symbols, and look for NaN or infinity before the rounding"));
}

}  // namespace

template <typename Index>
RowDecoder<Index> row_decoder(InstructionSet set, std::size_t lanes) {
  switch (set) {
#if JAXCOMPRESS_X86
    case InstructionSet::kAvx512: return row_decoder_avx512<Index>(lanes);
    case InstructionSet::kAvx2: return row_decoder_avx2<Index>(lanes);
#endif
    default: return row_decoder_portable<Index>(lanes);
  }
}

template <typename Index>
RowEncoder<Index> row_encoder(InstructionSet set, std::size_t lanes) {
  switch (set) {
#if JAXCOMPRESS_X86
    case InstructionSet::kAvx512: return row_encoder_avx512<Index>(lanes);
    case InstructionSet::kAvx2: return row_encoder_avx2<Index>(lanes);
#endif
    default: return row_encoder_portable<Index>(lanes);
  }
}

template <typename Index>
std::uint32_t decode_slowly(const DecodeRows<Index>& job, std::size_t position, std::uint32_t state) {
  const std::uint32_t code = state & (kProbabilityOne - 1);
  const LaneSymbol symbol = job.tables.search(static_cast<std::size_t>(job.indexes[position]), code);
  job.symbols[position] = symbol.value;
  if (symbol.is_escape) job.escapes.push_back(position);
  return symbol.width * (state >> kProbabilityBits) + code - symbol.start;
}

template <typename Index>
LaneEntry find_entry(const EncodeRows<Index>& job, std::size_t position) {
  const std::int32_t symbol = job.symbols[position];
  const auto index = static_cast<std::size_t>(job.indexes[position]);
  const LaneRow& row = job.tables.row(index);
  const std::int64_t value = std::int64_t{symbol} - row.offset;
  if (0 <= value && value < std::int64_t{row.escape}) {
    return job.tables.entry(row, static_cast<std::uint32_t>(value));
  }
  // Values below the table take the odd raw values, values from the escape on the even ones.
  const auto raw = static_cast<std::uint64_t>(value < 0 ? -2 * value - 1 : 2 * (value - std::int64_t{row.escape}));
  if (raw >= kRawEnd) throw_too_far(symbol, job.position + position, index, row);
  job.raws.push_back(static_cast<std::uint32_t>(raw));
  return job.tables.entry(row, row.escape);
}

template RowDecoder<std::uint8_t> row_decoder(InstructionSet, std::size_t);
template RowDecoder<std::int32_t> row_decoder(InstructionSet, std::size_t);
template RowEncoder<std::uint8_t> row_encoder(InstructionSet, std::size_t);
template RowEncoder<std::int32_t> row_encoder(InstructionSet, std::size_t);
template LaneEntry find_entry(const EncodeRows<std::uint8_t>&, std::size_t);
template LaneEntry find_entry(const EncodeRows<std::int32_t>&, std::size_t);
template std::uint32_t decode_slowly(const DecodeRows<std::uint8_t>&, std::size_t, std::uint32_t);
template std::uint32_t decode_slowly(const DecodeRows<std::int32_t>&, std::size_t, std::uint32_t);

}  // namespace jaxcompress
