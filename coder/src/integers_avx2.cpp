#include "integers.hpp"

#if JAXCOMPRESS_X86

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#define JAXCOMPRESS_TARGET [[gnu::target("avx2")]]
// Not more than once, since compilers would then keep sums in memory.
#define JAXCOMPRESS_UNROLL_ROWS _Pragma("GCC unroll 1")

namespace jaxcompress {
namespace {

// Some words of assembly, since compilers would otherwise spread products and sums over more registers than there are.
struct Vector {
  using Input = std::uint8_t;
  using Word = std::int32_t;
  static constexpr std::size_t kSize = 8;

  JAXCOMPRESS_TARGET static Vector load(const std::int32_t* source) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(source))};
  }
  JAXCOMPRESS_TARGET static Vector broadcast(const std::uint8_t* source) {
    __m256i value;
    asm("vpbroadcastd %1, %0" : "=x"(value) : "m"(*reinterpret_cast<const std::uint8_t(*)[4]>(source)));
    return {value};
  }
  JAXCOMPRESS_TARGET void add_product(const Vector& input, const Vector& weights) {
    __m256i product;
    __m256i sum = value;
    asm("vpmaddwd %3, %2, %0\n\tvpaddd %0, %1, %1" : "=&x"(product), "+x"(sum) : "x"(input.value), "x"(weights.value));
    value = sum;
  }
  JAXCOMPRESS_TARGET void store(std::int32_t* target) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), value);
  }

  __m256i value;
};

// 12 of the 16 registers for sums; the others have two inputs, weights and a product.
constexpr std::size_t kMostPositions = 2;
constexpr std::size_t panels_of_tile(std::size_t) { return 3; }

#include "matrix_tiles.hpp"

constexpr std::size_t kInputBytes = 2;

#include "integer_values.hpp"

}  // namespace

const Integers kAvx2Integers = {multiply, activate, see, scale, count_below};

}  // namespace jaxcompress

#endif
