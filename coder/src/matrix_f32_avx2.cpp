#include "matrix_f32_paths.hpp"

#if JAXCOMPRESS_X86

#include <immintrin.h>

#include <algorithm>
#include <cstddef>

#define JAXCOMPRESS_TARGET [[gnu::target("avx2,fma")]]
// Twice, so that counting does not take the place of the products' own instructions.
#define JAXCOMPRESS_UNROLL_ROWS _Pragma("GCC unroll 2")

namespace jaxcompress {
namespace {

struct Vector {
  using Input = float;
  using Word = float;
  static constexpr std::size_t kSize = 8;

  JAXCOMPRESS_TARGET static Vector load(const float* source) { return {_mm256_loadu_ps(source)}; }
  JAXCOMPRESS_TARGET static Vector broadcast(const float* source) { return {_mm256_broadcast_ss(source)}; }
  JAXCOMPRESS_TARGET void add_product(const Vector& a, const Vector& b) {
    value = _mm256_fmadd_ps(a.value, b.value, value);
  }
  JAXCOMPRESS_TARGET void store(float* target) const { _mm256_storeu_ps(target, value); }

  __m256 value;
};

// 12 of the 16 registers for sums, which hides the latency of fma.
constexpr std::size_t kMostPositions = 3;
constexpr std::size_t panels_of_tile(std::size_t positions) { return 6 / positions; }

#include "matrix_tiles.hpp"

}  // namespace

void accumulate_avx2(const FloatProduct& product) { multiply(product); }

}  // namespace jaxcompress

#endif
