// The loops over rows of lanes: row r has the symbols from r * lanes to (r + 1) * lanes - 1, one for each lane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "jaxcompress/instruction_sets.hpp"
#include "jaxcompress/lanes_tables.hpp"

namespace jaxcompress {

// Kernels may read, and write, this many words more than the stream has.
inline constexpr std::size_t kWordsBeyond = 16;

template <typename Index>
struct DecodeRows {
  const LaneTables& tables;
  const Index* indexes;  // checked
  std::int32_t* symbols;
  std::size_t rows;
  std::uint32_t* states;       // of the lanes, each at least 2^16
  const std::uint16_t* words;  // of the stream; lanes + kWordsBeyond more can be read behind words_end
  const std::uint16_t* words_end;
  // The positions of escapes are added here, in their order; the symbols there mean nothing yet.
  std::vector<std::size_t>& escapes;
};

// Decodes all rows, leaves the states as they are then, and returns the first word that was not needed. Throws
// StreamError if there are too few.
template <typename Index>
using RowDecoder = const std::uint16_t* (*)(const DecodeRows<Index>&);

template <typename Index>
struct EncodeRows {
  const LaneTables& tables;
  const Index* indexes;  // checked
  const std::int32_t* symbols;
  std::size_t position;  // of symbols[0], for messages
  std::size_t rows;
  // From the last lane to the first, since rANS is a stack: what is put last is read first.
  std::uint32_t* states;
  // In the order of being put out; there is room for rows * lanes + kWordsBeyond.
  std::uint16_t* words;
  // The raw values of escapes are added here, from the last to the first.
  std::vector<std::uint32_t>& raws;
};

// Encodes all rows, from the last symbol to the first, leaves the states as they are then, and returns the end
// of the words. Throws std::invalid_argument for a symbol too far from its table's values.
template <typename Index>
using RowEncoder = std::uint16_t* (*)(const EncodeRows<Index>&);

// `lanes` is kFewLanes or kManyLanes.
template <typename Index>
RowDecoder<Index> row_decoder(InstructionSet set, std::size_t lanes);
template <typename Index>
RowEncoder<Index> row_encoder(InstructionSet set, std::size_t lanes);

// Decodes a symbol that takes more than its cell: returns the lane's state without a new word.
template <typename Index>
std::uint32_t decode_slowly(const DecodeRows<Index>& job, std::size_t position, std::uint32_t state);

// What coding any symbol needs; adds to the raw values if it is an escape.
template <typename Index>
LaneEntry find_entry(const EncodeRows<Index>& job, std::size_t position);

template <typename Index>
RowDecoder<Index> row_decoder_portable(std::size_t lanes);
template <typename Index>
RowEncoder<Index> row_encoder_portable(std::size_t lanes);

#if JAXCOMPRESS_X86
// Has the compiler read the array from memory. Left alone, it would take the numbers out of the registers that
// they were stored from one by one, which is slower.
template <std::size_t kSize>
inline void through_memory(std::uint32_t (&array)[kSize]) {
  asm volatile("" : "+m"(array));
}

template <typename Index>
RowDecoder<Index> row_decoder_avx2(std::size_t lanes);
template <typename Index>
RowEncoder<Index> row_encoder_avx2(std::size_t lanes);

template <typename Index>
RowDecoder<Index> row_decoder_avx512(std::size_t lanes);
template <typename Index>
RowEncoder<Index> row_encoder_avx512(std::size_t lanes);
#endif

}  // namespace jaxcompress
