// Rows of lanes on any processor.
#include "jaxcompress/lanes_kernels.hpp"
#include "jaxcompress/lanes_words.hpp"

namespace jaxcompress {
namespace {

template <std::size_t kLanes, typename Index>
const std::uint16_t* decode_rows(const DecodeRows<Index>& job) {
  const std::uint16_t* words = job.words;
  for (std::size_t position = 0; position < job.rows * kLanes; position += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      std::uint32_t state = job.states[lane];
      const std::uint32_t code = state & (kProbabilityOne - 1);
      const auto row = static_cast<std::size_t>(job.indexes[position + lane]);
      const LaneCell cell = job.tables.cells()[row << LaneTables::kCellBits | code >> LaneTables::kCellShift];
      if (cell.width1 != 0) {
        const bool second = code >= cell.start1;
        const std::uint32_t start = second ? cell.start1 : cell.start0;
        const std::uint32_t width = second ? cell.width1 : std::uint32_t{cell.start1} - cell.start0;
        state = width * (state >> kProbabilityBits) + code - start;
        job.symbols[position + lane] = cell.value0 + std::int32_t{second};
      } else {
        state = decode_slowly(job, position + lane, state);
      }
      // Whether a word is needed is hard to predict, so there is no branch.
      const bool short_of = state < kLaneStateMin;
      job.states[lane] = short_of ? state << kLaneWordBits | *words : state;
      words += short_of;
    }
    if (words > job.words_end) throw_ends_early();
  }
  return words;
}

template <std::size_t kLanes, typename Index>
std::uint16_t* encode_rows(const EncodeRows<Index>& job) {
  std::uint16_t* words = job.words;
  for (std::size_t end = job.rows * kLanes; end > 0; end -= kLanes) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      const std::size_t position = end - 1 - i;
      const std::uint32_t near = static_cast<std::uint32_t>(job.symbols[position]) + LaneTables::kNearHalf;
      const auto row = static_cast<std::size_t>(job.indexes[position]);
      const bool is_near = near >> LaneTables::kNearBits == 0;
      LaneEntry entry = job.tables.near()[is_near ? row << LaneTables::kNearBits | near : job.tables.far()];
      if (entry.width == 0) [[unlikely]] entry = find_entry(job, position);
      std::uint32_t state = job.states[i];
      const std::uint32_t width = entry.width;
      // As in the decoder, no branch.
      const bool full = state >= width << kLaneWordBits;
      *words = static_cast<std::uint16_t>(state);
      words += full;
      state = full ? state >> kLaneWordBits : state;
      // The reciprocal is too small by less than 1, so the quotient is right or 1 too small.
      auto quotient = static_cast<std::uint32_t>(std::uint64_t{state} * entry.reciprocal >> 32);
      std::uint32_t rest = state - quotient * width;
      if (rest >= width) {
        ++quotient;
        rest -= width;
      }
      job.states[i] = (quotient << kProbabilityBits) + rest + entry.start;
    }
  }
  return words;
}

}  // namespace

template <typename Index>
RowDecoder<Index> row_decoder_portable(std::size_t lanes) {
  return lanes == kFewLanes ? &decode_rows<kFewLanes, Index> : &decode_rows<kManyLanes, Index>;
}

template <typename Index>
RowEncoder<Index> row_encoder_portable(std::size_t lanes) {
  return lanes == kFewLanes ? &encode_rows<kFewLanes, Index> : &encode_rows<kManyLanes, Index>;
}

template RowDecoder<std::uint8_t> row_decoder_portable(std::size_t);
template RowDecoder<std::int32_t> row_decoder_portable(std::size_t);
template RowEncoder<std::uint8_t> row_encoder_portable(std::size_t);
template RowEncoder<std::int32_t> row_encoder_portable(std::size_t);

}  // namespace jaxcompress
