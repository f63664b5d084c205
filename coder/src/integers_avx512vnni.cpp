#include "integers.hpp"

#if JAXCOMPRESS_X86

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#define JAXCOMPRESS_TARGET [[gnu::target("avx512f,avx512vnni")]]
// Twice, so that counting does not take the place of the products' own instructions.
#define JAXCOMPRESS_UNROLL_ROWS _Pragma("GCC unroll 2")

namespace jaxcompress {
namespace {

struct Vector {
  using Input = std::uint8_t;
  using Word = std::int32_t;
  static constexpr std::size_t kSize = 16;

  JAXCOMPRESS_TARGET static Vector load(const std::int32_t* source) { return {_mm512_loadu_si512(source)}; }
  JAXCOMPRESS_TARGET static Vector broadcast(const std::uint8_t* source) {
    std::int32_t word;
    __builtin_memcpy(&word, source, sizeof(word));
    return {_mm512_set1_epi32(word)};
  }
  JAXCOMPRESS_TARGET void add_product(const Vector& input, const Vector& weights) {
    value = _mm512_dpbusd_epi32(value, input.value, weights.value);
  }
  JAXCOMPRESS_TARGET void store(std::int32_t* target) const { _mm512_storeu_si512(target, value); }

  __m512i value;
};

// At most 18 of the 32 registers for sums.
constexpr std::size_t kMostPositions = 6;
constexpr std::size_t panels_of_tile(std::size_t) { return 3; }

#include "matrix_tiles.hpp"

constexpr std::size_t kInputBytes = 1;

#include "integer_values.hpp"

}  // namespace

const Integers kAvx512VnniIntegers = {multiply, activate, see, scale, count_below};

}  // namespace jaxcompress

#endif
