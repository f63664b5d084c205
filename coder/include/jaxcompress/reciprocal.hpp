// Division by a width without dividing.
#pragma once

#include <bit>
#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

namespace jaxcompress {

// The upper 64 of the 128 bits of a * b.
inline std::uint64_t high_product(std::uint64_t a, std::uint64_t b) {
#if defined(__SIZEOF_INT128__)
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((Wide{a} * b) >> 64);
#elif defined(_MSC_VER) && (defined(_M_X64) || defined(_M_ARM64))
  return __umulh(a, b);
#else
  constexpr std::uint64_t low_half = 0xffffffff;
  const std::uint64_t low = (a & low_half) * (b & low_half);
  const std::uint64_t middle = (a >> 32) * (b & low_half) + (low >> 32);
  const std::uint64_t other = (a & low_half) * (b >> 32) + (middle & low_half);
  return (a >> 32) * (b >> 32) + (middle >> 32) + (other >> 32);
#endif
}

// high_product(x, factor) >> shift is x / width for every x below 2^63, for widths of 2 to 2^16; for width 1
// it is x - 1, for every x from 1.
//
// With s such that 2^(s - 1) < width <= 2^s, factor * width is 2^(63 + s) + e for an e below 2^s, so that
// x * factor / 2^(63 + s) lies above x / width by less than 1 / width (T. Granlund, P. Montgomery, "Division
// by invariant integers using multiplication", 1994). Width 1 would take a factor of 2^64.
struct Reciprocal {
  std::uint64_t factor;
  std::uint32_t shift;

  static constexpr Reciprocal of(std::uint32_t width) {
    if (width == 1) return {~std::uint64_t{0}, 0};
    const auto s = static_cast<std::uint32_t>(std::bit_width(width - 1));
    // 2^(63 + s) / width rounded up, by long division in two digits of base 2^32.
    const std::uint64_t high = std::uint64_t{1} << (31 + s);
    const std::uint64_t low = (high % width << 32) + width - 1;
    return {(high / width << 32) + low / width, s - 1};
  }
};

}  // namespace jaxcompress
