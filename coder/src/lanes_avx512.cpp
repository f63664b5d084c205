// Rows of lanes with AVX-512 (F, BW, VL), sixteen lanes in a register.
#include "jaxcompress/instruction_sets.hpp"

#if JAXCOMPRESS_X86

// GCC 12 takes what its own header leaves undefined on purpose for a mistake (its bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include <bit>

#include "jaxcompress/lanes_kernels.hpp"
#include "jaxcompress/lanes_words.hpp"

#define JAXCOMPRESS_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,popcnt")))
#define JAXCOMPRESS_TARGET_INLINE \
  __attribute__((target("avx512f,avx512bw,avx512vl,popcnt"), always_inline)) inline

namespace jaxcompress {
namespace {

using Vector = __m512i;

constexpr std::size_t kWidth = 16;

template <typename T>
JAXCOMPRESS_TARGET_INLINE Vector load(const T* from) {
  return _mm512_loadu_si512(from);
}

template <typename T>
JAXCOMPRESS_TARGET_INLINE void store(T* to, Vector value) {
  _mm512_storeu_si512(to, value);
}

#include "lanes_rows.hpp"

JAXCOMPRESS_TARGET_INLINE Vector load_indexes(const std::uint8_t* from) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

JAXCOMPRESS_TARGET_INLINE Vector load_indexes(const std::int32_t* from) { return load(from); }

// The pairs of 32 bits at base[at[0]], base[at[kStep]], base[at[2 kStep]], ... Single loads: gathers are slower
// on many processors, and never much faster.
template <int kStep, typename Pair>
JAXCOMPRESS_TARGET_INLINE Vector load_eight(const Pair* base, const std::uint32_t* at) {
  static_assert(sizeof(Pair) == 8);
  __m128i two[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const auto* first = reinterpret_cast<const __m128i*>(base + at[2 * i * kStep]);
    const auto* second = reinterpret_cast<const __m128i*>(base + at[(2 * i + 1) * kStep]);
    two[i] = _mm_unpacklo_epi64(_mm_loadl_epi64(first), _mm_loadl_epi64(second));
  }
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(two[0]), two[1], 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(two[2]), two[3], 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// The first halves of the 8 + 8 pairs of 32 bits in a and b, and the second halves.
JAXCOMPRESS_TARGET_INLINE Vector firsts(Vector a, Vector b) {
  const Vector even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return _mm512_permutex2var_epi32(a, even, b);
}

JAXCOMPRESS_TARGET_INLINE Vector seconds(Vector a, Vector b) {
  const Vector odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return _mm512_permutex2var_epi32(a, odd, b);
}

template <typename Index>
JAXCOMPRESS_TARGET_INLINE Vector locate_cells(const DecodeRows<Index>& job, std::size_t position, Vector states) {
  const Vector row = load_indexes(job.indexes + position);
  const Vector code = _mm512_and_si512(states, _mm512_set1_epi32(0xffff));
  return _mm512_or_si512(_mm512_slli_epi32(row, LaneTables::kCellBits), _mm512_srli_epi32(code, LaneTables::kCellShift));
}

template <typename Index>
JAXCOMPRESS_TARGET_INLINE const std::uint16_t* decode_vector(const DecodeRows<Index>& job, std::size_t position,
                                                             Vector& states, const std::uint32_t* at,
                                                             const std::uint16_t* words) {
  const Vector low = _mm512_set1_epi32(0xffff);
  const Vector cells_a = load_eight<1>(job.tables.cells(), at);
  const Vector cells_b = load_eight<1>(job.tables.cells(), at + kWidth / 2);
  const Vector starts = firsts(cells_a, cells_b);
  const Vector others = seconds(cells_a, cells_b);

  const Vector code = _mm512_and_si512(states, low);
  const Vector start1 = _mm512_srli_epi32(starts, 16);
  const Vector start0 = _mm512_and_si512(starts, low);
  const Vector width1 = _mm512_and_si512(others, low);
  const __mmask16 second = _mm512_cmpge_epi32_mask(code, start1);
  const Vector start = _mm512_mask_mov_epi32(start0, second, start1);
  const Vector width = _mm512_mask_mov_epi32(_mm512_sub_epi32(start1, start0), second, width1);
  const Vector value0 = _mm512_srai_epi32(others, 16);
  const Vector value = _mm512_mask_add_epi32(value0, second, value0, _mm512_set1_epi32(1));
  const Vector high = _mm512_srli_epi32(states, 16);
  Vector next = _mm512_add_epi32(_mm512_mullo_epi32(width, high), _mm512_sub_epi32(code, start));
  store(job.symbols + position, value);

  const unsigned slow = _mm512_cmpeq_epi32_mask(width1, _mm512_setzero_si512());
  if (slow != 0) [[unlikely]] next = decode_slow_lanes(job, position, slow, states, next);

  const __mmask16 short_of = _mm512_cmplt_epu32_mask(next, _mm512_set1_epi32(1 << 16));
  const Vector loaded = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(words)));
  const Vector word = _mm512_maskz_expand_epi32(short_of, loaded);
  states = _mm512_mask_or_epi32(next, short_of, _mm512_slli_epi32(next, 16), word);
  return words + std::popcount(static_cast<unsigned>(short_of));
}

template <typename Index>
JAXCOMPRESS_TARGET_INLINE Vector locate_entries(const EncodeRows<Index>& job, std::size_t position) {
  const Vector half = _mm512_set1_epi32(static_cast<int>(LaneTables::kNearHalf));
  const Vector near = _mm512_add_epi32(load(job.symbols + position), half);
  const __mmask16 is_near = _mm512_cmplt_epu32_mask(near, _mm512_set1_epi32(1 << LaneTables::kNearBits));
  const Vector row = _mm512_slli_epi32(load_indexes(job.indexes + position), LaneTables::kNearBits);
  const Vector far = _mm512_set1_epi32(static_cast<int>(job.tables.far()));
  return _mm512_mask_or_epi32(far, is_near, row, near);
}

template <typename Index>
JAXCOMPRESS_TARGET_INLINE std::uint16_t* encode_vector(const EncodeRows<Index>& job, std::size_t end, Vector& states,
                                                       const std::uint32_t* at, std::uint16_t* words) {
  const Vector low = _mm512_set1_epi32(0xffff);
  const Vector entries_a = load_eight<-1>(job.tables.near(), at + kWidth - 1);
  const Vector entries_b = load_eight<-1>(job.tables.near(), at + kWidth / 2 - 1);
  Vector codes = firsts(entries_a, entries_b);
  Vector reciprocal = seconds(entries_a, entries_b);

  // A reciprocal is 0 with the width only.
  const unsigned slow = _mm512_cmpeq_epi32_mask(reciprocal, _mm512_setzero_si512());
  if (slow != 0) [[unlikely]] find_slow_entries(job, end, slow, codes, reciprocal);

  const Vector start = _mm512_and_si512(codes, low);
  const Vector limit = _mm512_andnot_si512(low, codes);  // the width, times 2^16
  const Vector width = _mm512_srli_epi32(codes, 16);

  // Brought together in a register and then stored whole: stores of some lanes are slow on some processors.
  const __mmask16 full = _mm512_cmpge_epu32_mask(states, limit);
  const __m256i together = _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(full, states));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), together);
  words += std::popcount(static_cast<unsigned>(full));
  const Vector x = _mm512_mask_srli_epi32(states, full, states, 16);

  const Vector even = _mm512_srli_epi64(_mm512_mul_epu32(x, reciprocal), 32);
  const Vector odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), _mm512_srli_epi64(reciprocal, 32));
  const Vector quotient = _mm512_mask_mov_epi32(even, 0xaaaa, odd);
  const Vector rest = _mm512_sub_epi32(x, _mm512_mullo_epi32(quotient, width));
  // The quotient is right or 1 too small; the rest is then too large by a width.
  const __mmask16 small = _mm512_cmpge_epu32_mask(rest, width);
  const Vector sum = _mm512_add_epi32(_mm512_slli_epi32(quotient, 16), _mm512_add_epi32(rest, start));
  states = _mm512_mask_add_epi32(sum, small, sum, _mm512_sub_epi32(_mm512_set1_epi32(1 << 16), width));
  return words;
}

}  // namespace

template <typename Index>
RowDecoder<Index> row_decoder_avx512(std::size_t lanes) {
  return lanes == kFewLanes ? &decode_rows<kFewLanes, Index> : &decode_rows<kManyLanes, Index>;
}

template <typename Index>
RowEncoder<Index> row_encoder_avx512(std::size_t lanes) {
  return lanes == kFewLanes ? &encode_rows<kFewLanes, Index> : &encode_rows<kManyLanes, Index>;
}

template RowDecoder<std::uint8_t> row_decoder_avx512(std::size_t);
template RowDecoder<std::int32_t> row_decoder_avx512(std::size_t);
template RowEncoder<std::uint8_t> row_encoder_avx512(std::size_t);
template RowEncoder<std::int32_t> row_encoder_avx512(std::size_t);

}  // namespace jaxcompress

#endif
