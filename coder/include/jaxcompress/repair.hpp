// Decoding a stream whose encoder had a few other indexes than the decoder.
//
// Indexes often come out of floating-point arithmetic, which gives other last bits on another machine: a
// number on the edge between two tables then falls on the other side, and the rest of the stream is lost.
// But a stream tells at its end whether it was decoded with the indexes of its encoder. So the few indexes
// that may be in doubt are tried both ways, the nearest to their edge first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/tables.hpp"

namespace jaxcompress {

// An index that the encoder may have had otherwise.
struct Doubt {
  std::size_t position;
  std::int32_t alternative;
  // From the edge, in any unit; infinitely far or not a number is an error.
  double distance;
};

struct RepairLimits {
  std::size_t tries;
  double seconds;
};

struct Repair {
  // The doubts whose alternative was right, ascending.
  std::vector<std::size_t> flipped;
  // Decodings after the first, which uses the indexes as they are.
  std::size_t tries;
};

inline constexpr std::size_t kMaxDoubts = 64;

// Decodes the whole stream into `symbols`, which has the size of `indexes`. If it does not end as a stream
// must, tries sets of alternatives in the order of the sums of their distances, until it does. Index is
// std::uint8_t or std::int32_t. Throws StreamError if it never does, if a limit is reached, or if a search
// ends with a set to which one more doubt can be added unnoticed, so that nothing tells which is right; and
// std::invalid_argument for an index or alternative without a table, for positions without an index or named
// twice, for distances that are negative or not finite, and for more doubts than kMaxDoubts. Keeps some 2 kB
// for each try.
template <typename Index>
Repair decode_repaired(std::span<const std::uint8_t> data, std::span<const Index> indexes,
                       const CdfTables& tables, std::span<const Doubt> doubts, const RepairLimits& limits,
                       std::span<std::int32_t> symbols);

}  // namespace jaxcompress
