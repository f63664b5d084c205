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

#define JAXCOMPRESS_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,popcnt")))
#define JAXCOMPRESS_AVX512_INLINE \
  __attribute__((target("avx512f,avx512bw,avx512vl,popcnt"), always_inline)) inline

namespace jaxcompress {
namespace {

constexpr std::size_t kWidth = 16;

JAXCOMPRESS_AVX512_INLINE __m512i load_indexes(const std::uint8_t* from) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

JAXCOMPRESS_AVX512_INLINE __m512i load_indexes(const std::int32_t* from) { return _mm512_loadu_si512(from); }

// The pairs of 32 bits at base[at[0]], base[at[kStep]], base[at[2 kStep]], ... Single loads: gathers are slower
// on many processors, and never much faster.
template <int kStep, typename Pair>
JAXCOMPRESS_AVX512_INLINE __m512i load_eight(const Pair* base, const std::uint32_t* at) {
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
JAXCOMPRESS_AVX512_INLINE __m512i firsts(__m512i a, __m512i b) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return _mm512_permutex2var_epi32(a, even, b);
}

JAXCOMPRESS_AVX512_INLINE __m512i seconds(__m512i a, __m512i b) {
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return _mm512_permutex2var_epi32(a, odd, b);
}

// Sixteen symbols, from `position` on, by lanes whose states are `states`; returns the next words.
template <typename Index>
JAXCOMPRESS_AVX512_INLINE const std::uint16_t* decode_sixteen(const DecodeRows<Index>& job, std::size_t position,
                                                              __m512i& states, const std::uint32_t* at,
                                                              const std::uint16_t* words) {
  const __m512i low = _mm512_set1_epi32(0xffff);
  const __m512i cells_a = load_eight<1>(job.tables.cells(), at);
  const __m512i cells_b = load_eight<1>(job.tables.cells(), at + kWidth / 2);
  const __m512i starts = firsts(cells_a, cells_b);
  const __m512i others = seconds(cells_a, cells_b);

  const __m512i code = _mm512_and_si512(states, low);
  const __m512i start1 = _mm512_srli_epi32(starts, 16);
  const __m512i start0 = _mm512_and_si512(starts, low);
  const __m512i width1 = _mm512_and_si512(others, low);
  const __mmask16 second = _mm512_cmpge_epi32_mask(code, start1);
  const __m512i start = _mm512_mask_mov_epi32(start0, second, start1);
  const __m512i width = _mm512_mask_mov_epi32(_mm512_sub_epi32(start1, start0), second, width1);
  const __m512i value0 = _mm512_srai_epi32(others, 16);
  const __m512i value = _mm512_mask_add_epi32(value0, second, value0, _mm512_set1_epi32(1));
  const __m512i high = _mm512_srli_epi32(states, 16);
  __m512i next = _mm512_add_epi32(_mm512_mullo_epi32(width, high), _mm512_sub_epi32(code, start));
  _mm512_storeu_si512(job.symbols + position, value);

  unsigned slow = _mm512_cmpeq_epi32_mask(width1, _mm512_setzero_si512());
  if (slow != 0) [[unlikely]] {
    alignas(64) std::uint32_t before[kWidth];
    alignas(64) std::uint32_t after[kWidth];
    _mm512_store_si512(before, states);
    _mm512_store_si512(after, next);
    for (; slow != 0; slow &= slow - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(slow));
      after[lane] = decode_slowly(job, position + lane, before[lane]);
    }
    next = _mm512_load_si512(after);
  }

  const __mmask16 short_of = _mm512_cmplt_epu32_mask(next, _mm512_set1_epi32(1 << 16));
  const __m512i loaded = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(words)));
  const __m512i word = _mm512_maskz_expand_epi32(short_of, loaded);
  states = _mm512_mask_or_epi32(next, short_of, _mm512_slli_epi32(next, 16), word);
  return words + std::popcount(static_cast<unsigned>(short_of));
}

// Where the entries of sixteen symbols are.
template <typename Index>
JAXCOMPRESS_AVX512_INLINE __m512i locate_entries(const EncodeRows<Index>& job, std::size_t position) {
  const __m512i half = _mm512_set1_epi32(static_cast<int>(LaneTables::kNearHalf));
  const __m512i near = _mm512_add_epi32(_mm512_loadu_si512(job.symbols + position), half);
  const __mmask16 is_near = _mm512_cmplt_epu32_mask(near, _mm512_set1_epi32(1 << LaneTables::kNearBits));
  const __m512i row = _mm512_slli_epi32(load_indexes(job.indexes + position), LaneTables::kNearBits);
  const __m512i far = _mm512_set1_epi32(static_cast<int>(job.tables.far()));
  return _mm512_mask_or_epi32(far, is_near, row, near);
}

// Sixteen symbols, from the one before `end` down, by lanes whose states are `states`; returns the end of the
// words.
template <typename Index>
JAXCOMPRESS_AVX512_INLINE std::uint16_t* encode_sixteen(const EncodeRows<Index>& job, std::size_t end,
                                                        __m512i& states, const std::uint32_t* at,
                                                        std::uint16_t* words) {
  const __m512i low = _mm512_set1_epi32(0xffff);
  const __m512i entries_a = load_eight<-1>(job.tables.near(), at + kWidth - 1);
  const __m512i entries_b = load_eight<-1>(job.tables.near(), at + kWidth / 2 - 1);
  __m512i codes = firsts(entries_a, entries_b);
  __m512i reciprocal = seconds(entries_a, entries_b);

  // A reciprocal is 0 with the width only.
  unsigned slow = _mm512_cmpeq_epi32_mask(reciprocal, _mm512_setzero_si512());
  if (slow != 0) [[unlikely]] {
    alignas(64) std::uint32_t found_codes[kWidth];
    alignas(64) std::uint32_t found_reciprocals[kWidth];
    _mm512_store_si512(found_codes, codes);
    _mm512_store_si512(found_reciprocals, reciprocal);
    for (; slow != 0; slow &= slow - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(slow));
      const LaneEntry entry = find_entry(job, end - 1 - i);
      found_codes[i] = entry.start | std::uint32_t{entry.width} << 16;
      found_reciprocals[i] = entry.reciprocal;
    }
    codes = _mm512_load_si512(found_codes);
    reciprocal = _mm512_load_si512(found_reciprocals);
  }
  const __m512i start = _mm512_and_si512(codes, low);
  const __m512i limit = _mm512_andnot_si512(low, codes);  // the width, times 2^16
  const __m512i width = _mm512_srli_epi32(codes, 16);

  // Brought together in a register and then stored whole: stores of some lanes are slow on some processors.
  const __mmask16 full = _mm512_cmpge_epu32_mask(states, limit);
  const __m256i together = _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(full, states));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), together);
  words += std::popcount(static_cast<unsigned>(full));
  const __m512i x = _mm512_mask_srli_epi32(states, full, states, 16);

  const __m512i even = _mm512_srli_epi64(_mm512_mul_epu32(x, reciprocal), 32);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), _mm512_srli_epi64(reciprocal, 32));
  const __m512i quotient = _mm512_mask_mov_epi32(even, 0xaaaa, odd);
  const __m512i rest = _mm512_sub_epi32(x, _mm512_mullo_epi32(quotient, width));
  // The quotient is right or 1 too small; the rest is then too large by a width.
  const __mmask16 small = _mm512_cmpge_epu32_mask(rest, width);
  const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(quotient, 16), _mm512_add_epi32(rest, start));
  states = _mm512_mask_add_epi32(sum, small, sum, _mm512_sub_epi32(_mm512_set1_epi32(1 << 16), width));
  return words;
}

template <std::size_t kLanes, typename Index>
JAXCOMPRESS_AVX512 const std::uint16_t* decode_rows(const DecodeRows<Index>& job) {
  constexpr std::size_t kVectors = kLanes / kWidth;
  __m512i states[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) states[v] = _mm512_loadu_si512(job.states + v * kWidth);
  const std::uint16_t* words = job.words;
  for (std::size_t position = 0; position < job.rows * kLanes; position += kLanes) {
    alignas(64) std::uint32_t at[kLanes];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
      const __m512i row = load_indexes(job.indexes + position + v * kWidth);
      const __m512i code = _mm512_and_si512(states[v], _mm512_set1_epi32(0xffff));
      _mm512_store_si512(at + v * kWidth, _mm512_or_si512(_mm512_slli_epi32(row, LaneTables::kCellBits),
                                                          _mm512_srli_epi32(code, LaneTables::kCellShift)));
    }
    through_memory(at);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
      words = decode_sixteen(job, position + v * kWidth, states[v], at + v * kWidth, words);
    }
    if (words > job.words_end) throw_ends_early();
  }
  for (std::size_t v = 0; v < kVectors; ++v) _mm512_storeu_si512(job.states + v * kWidth, states[v]);
  return words;
}

template <std::size_t kLanes, typename Index>
JAXCOMPRESS_AVX512 std::uint16_t* encode_rows(const EncodeRows<Index>& job) {
  constexpr std::size_t kVectors = kLanes / kWidth;
  __m512i states[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) states[v] = _mm512_loadu_si512(job.states + v * kWidth);
  std::uint16_t* words = job.words;
  for (std::size_t end = job.rows * kLanes; end > 0; end -= kLanes) {
    alignas(64) std::uint32_t at[kLanes];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
      _mm512_store_si512(at + v * kWidth, locate_entries(job, end - kLanes + v * kWidth));
    }
    through_memory(at);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
      words = encode_sixteen(job, end - v * kWidth, states[v], at + kLanes - (v + 1) * kWidth, words);
    }
  }
  for (std::size_t v = 0; v < kVectors; ++v) _mm512_storeu_si512(job.states + v * kWidth, states[v]);
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
