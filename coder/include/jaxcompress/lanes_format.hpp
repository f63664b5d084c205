// The numbers that define the stream format of many lanes; docs/lanes-format.md has every byte.
//
// It is rANS as in format.hpp, with the same tables, but each symbol belongs to one of 32 or 64 lanes, which
// are 32-bit states in [2^16, 2^32) renormalised by 16-bit words. Processors work on 8 or 16 of them at once.
// A stream is cut into parts, which threads share. A part has the lanes and a side coder, which is one more
// such state that takes what the lanes leave: the values of escapes, and the last few symbols. The first words
// that the side coder puts out are where the lanes start from, so that starting them costs next to nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jaxcompress {

inline constexpr std::size_t kFewLanes = 32;
inline constexpr std::size_t kManyLanes = 64;

inline constexpr int kLaneWordBits = 16;
// Coders that carry nothing start from here, and every state is at least this.
inline constexpr std::uint32_t kLaneStateMin = std::uint32_t{1} << kLaneWordBits;

// The first byte of a stream: 1 for 64 lanes, and 2 (parts - 1).
inline constexpr std::size_t kMaxParts = 128;
inline constexpr std::size_t kPartSizeBytes = 4;
// A symbol takes at most 48 bits, so that the words of a part can be counted in 32.
inline constexpr std::size_t kPartSymbolsEnd = std::size_t{1} << 30;

// What parts an encoder makes of many symbols: enough to keep a thread busy for longer than it takes to start.
inline constexpr std::size_t kSymbolsPerPart = std::size_t{1} << 17;

// A part begins with bits: how long the number of symbols in the side coder is (5), that number, and the lanes.
inline constexpr int kLengthBits = 5;
// A lane's last state: the length of its high word (4), that word, and its low word.
inline constexpr int kHighLengthBits = 4;

// Where a part begins, for part = 0 to parts (that is, the end).
constexpr std::size_t part_begin(std::size_t part, std::size_t parts, std::size_t symbols) {
  return symbols / parts * part + symbols % parts * part / parts;
}

}  // namespace jaxcompress
