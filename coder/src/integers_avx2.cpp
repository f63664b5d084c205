#include "integers.hpp"

#if JAXCOMPRESS_X86

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#define JAXCOMPRESS_TARGET [[gnu::target("avx2")]]

namespace jaxcompress {
namespace {

// The empty assembly says in which order to compute, since compilers would have so many products wait for their sums
// that the sums no longer fit in registers.
struct Vector {
  using Input = std::uint8_t;
  using Word = std::int32_t;
  static constexpr std::size_t kSize = 8;

  JAXCOMPRESS_TARGET static Vector load(const std::int32_t* source) {
    __m256i value = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source));
    asm volatile("" : "+x"(value));
    return {value};
  }
  JAXCOMPRESS_TARGET static Vector broadcast(const std::uint8_t* source) {
    std::int32_t word;
    __builtin_memcpy(&word, source, sizeof(word));
    return {_mm256_set1_epi32(word)};
  }
  JAXCOMPRESS_TARGET static Vector multiply_add(const Vector& a, const Vector& b, const Vector& c) {
    __m256i sum = _mm256_add_epi32(c.value, _mm256_madd_epi16(a.value, b.value));
    asm volatile("" : "+x"(sum));
    return {sum};
  }
  JAXCOMPRESS_TARGET void store(std::int32_t* target) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), value);
  }

  __m256i value;
};

// 12 of the 16 registers for sums; the others have two inputs, weights and a product.
constexpr std::size_t kMostPositions = 2;
constexpr std::size_t panels_of_tile(std::size_t positions) { return 6 / positions; }

#include "matrix_tiles.hpp"

constexpr std::size_t kInputBytes = 2;

#include "integer_values.hpp"

}  // namespace

const Integers kAvx2Integers = {multiply, activate, see, scale, count_below};

}  // namespace jaxcompress

#endif
