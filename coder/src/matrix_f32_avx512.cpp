#include "matrix_f32_paths.hpp"

#if JAXCOMPRESS_X86

#include <immintrin.h>

#include <algorithm>
#include <cstddef>

#define JAXCOMPRESS_TARGET [[gnu::target("avx512f")]]
// Twice, so that counting does not take the place of the products' own instructions.
#define JAXCOMPRESS_UNROLL_ROWS _Pragma("GCC unroll 2")

namespace jaxcompress {
namespace {

struct Vector {
  using Input = float;
  using Word = float;
  static constexpr std::size_t kSize = 16;

  JAXCOMPRESS_TARGET static Vector load(const float* source) { return {_mm512_loadu_ps(source)}; }
  JAXCOMPRESS_TARGET static Vector broadcast(const float* source) { return {_mm512_set1_ps(*source)}; }
  JAXCOMPRESS_TARGET void add_product(const Vector& a, const Vector& b) {
    value = _mm512_fmadd_ps(a.value, b.value, value);
  }
  JAXCOMPRESS_TARGET void store(float* target) const { _mm512_storeu_ps(target, value); }

  __m512 value;
};

// At most 24 of the 32 registers for sums.
constexpr std::size_t kMostPositions = 4;
constexpr std::size_t panels_of_tile(std::size_t) { return 6; }

#include "matrix_tiles.hpp"

}  // namespace

void accumulate_avx512(const FloatProduct& product) { multiply(product); }

}  // namespace jaxcompress

#endif
