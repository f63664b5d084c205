// The numbers that define the stream format.
//
// It is range asymmetric numeral systems (rANS; J. Duda, "Asymmetric numeral systems", 2013,
// arXiv:1311.2540) as CompressAI writes it, after F. Giesen's public-domain ryg_rans: one 64-bit state
// that stays in [2^31, 2^63), renormalised by 32-bit words, with 16-bit probabilities. A stream is the
// encoder's last state (low word, high word) and then the words in the order the decoder reads them, all
// little-endian. It stores no length and no checksum.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jaxcompress {

inline constexpr int kProbabilityBits = 16;
inline constexpr std::uint32_t kProbabilityOne = 1U << kProbabilityBits;

inline constexpr int kWordBits = 32;
inline constexpr std::size_t kWordBytes = 4;
inline constexpr std::size_t kStateBytes = 8;
inline constexpr std::uint64_t kStateMin = std::uint64_t{1} << 31;
inline constexpr std::uint64_t kStateEnd = std::uint64_t{1} << 63;

// A value outside its table is coded as the table's last symbol (the escape), the number of 4-bit nibbles
// of a non-negative raw value, and those nibbles, least significant first. The format could count further
// than seven nibbles, but CompressAI's encoder never returns for a raw value of 2^28 or more.
inline constexpr int kNibbleBits = 4;
inline constexpr std::uint32_t kNibbleMask = 15;
inline constexpr std::uint32_t kMaxNibbles = 7;
inline constexpr std::uint64_t kRawEnd = std::uint64_t{1} << (kNibbleBits * kMaxNibbles);

}  // namespace jaxcompress
