// From symbols to a stream of many lanes, and back: the fast format, for symbols whose indexes are all known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/instruction_sets.hpp"
#include "jaxcompress/lanes_format.hpp"
#include "jaxcompress/lanes_tables.hpp"

namespace jaxcompress {

// How many parts an encoder makes of `symbols` symbols unless it is told.
std::size_t lane_parts(std::size_t symbols);

struct LaneOptions {
  std::size_t lanes = kFewLanes;  // or kManyLanes
  std::size_t parts = 1;          // 1 to kMaxParts
  std::size_t threads = 1;        // at least 1; more than there are parts have nothing to do
  InstructionSet set = instruction_sets(Kernel::kLanes).front();
};

// The stream that holds `symbols`, where symbols[i] is coded with table indexes[i]. It depends on lanes and
// parts only, not on threads and the set. Index is std::uint8_t or std::int32_t. Throws std::invalid_argument for
// an index without a table, for a symbol too far from its table's values, and for options other than above.
template <typename Index>
std::vector<std::uint8_t> encode_lanes(std::span<const std::int32_t> symbols, std::span<const Index> indexes,
                                       const LaneTables& tables, const LaneOptions& options);

// Decodes a whole stream into `symbols`, which has the size of `indexes`. Throws StreamError, or
// std::invalid_argument for an index without a table, for no threads, and for a set that the processor lacks.
template <typename Index>
void decode_lanes(std::span<const std::uint8_t> data, std::span<const Index> indexes,
                  std::span<std::int32_t> symbols, const LaneTables& tables, std::size_t threads,
                  InstructionSet set);

}  // namespace jaxcompress
