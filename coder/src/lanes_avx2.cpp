// Rows of lanes with AVX2, eight lanes in a register.
#include "jaxcompress/lanes_isa.hpp"

#if JAXCOMPRESS_X86

#include <immintrin.h>

#include <array>
#include <bit>

#include "jaxcompress/lanes_kernels.hpp"
#include "jaxcompress/lanes_words.hpp"

#define JAXCOMPRESS_AVX2 __attribute__((target("avx2,popcnt")))
#define JAXCOMPRESS_AVX2_INLINE __attribute__((target("avx2,popcnt"), always_inline)) inline

namespace jaxcompress {
namespace {

constexpr std::size_t kWidth = 8;

// For each set of lanes, as bits: to take the next words to them, the number of the word for each lane.
constexpr auto kSpread = [] {
  std::array<std::array<std::uint8_t, kWidth>, 256> result{};
  for (std::size_t set = 0; set < 256; ++set) {
    std::uint8_t word = 0;
    for (std::size_t lane = 0; lane < kWidth; ++lane) {
      result[set][lane] = word;
      if (set >> lane & 1) ++word;
    }
  }
  return result;
}();

// For each set of lanes: to bring their words together, the bytes of each word.
constexpr auto kGather = [] {
  std::array<std::array<std::uint8_t, 2 * kWidth>, 256> result{};
  for (std::size_t set = 0; set < 256; ++set) {
    std::size_t word = 0;
    for (std::size_t lane = 0; lane < kWidth; ++lane) {
      if ((set >> lane & 1) == 0) continue;
      result[set][2 * word] = static_cast<std::uint8_t>(2 * lane);
      result[set][2 * word + 1] = static_cast<std::uint8_t>(2 * lane + 1);
      ++word;
    }
  }
  return result;
}();

template <typename T>
JAXCOMPRESS_AVX2_INLINE __m256i load(const T* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

template <typename T>
JAXCOMPRESS_AVX2_INLINE void store(T* to, __m256i value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value);
}

template <typename T>
JAXCOMPRESS_AVX2_INLINE __m128i load_half(const T* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

JAXCOMPRESS_AVX2_INLINE __m256i load_indexes(const std::uint8_t* from) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}

JAXCOMPRESS_AVX2_INLINE __m256i load_indexes(const std::int32_t* from) { return load(from); }

// a[0], a[1], b[0], b[1]
JAXCOMPRESS_AVX2_INLINE __m256 join(__m128i a, __m128i b) {
  return _mm256_castsi256_ps(_mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1));
}

JAXCOMPRESS_AVX2_INLINE __m128i load_cells(const LaneCell* cells, std::uint32_t a, std::uint32_t b) {
  const auto* first = reinterpret_cast<const __m128i*>(cells + a);
  const auto* second = reinterpret_cast<const __m128i*>(cells + b);
  return _mm_unpacklo_epi64(_mm_loadl_epi64(first), _mm_loadl_epi64(second));
}

JAXCOMPRESS_AVX2_INLINE unsigned lanes_in(__m256i mask) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(mask)));
}

// Eight symbols, from `position` on, by lanes whose states begin at `states`; returns the next words.
template <typename Index>
JAXCOMPRESS_AVX2_INLINE const std::uint16_t* decode_eight(const DecodeRows<Index>& job, std::size_t position,
                                                          __m256i& states, const std::uint32_t* at,
                                                          const std::uint16_t* words) {
  const __m256i low = _mm256_set1_epi32(0xffff);
  const LaneCell* cells = job.tables.cells();
  // In this order, shuffles within halves give the lanes from 0 to 7.
  const __m256 even = join(load_cells(cells, at[0], at[1]), load_cells(cells, at[4], at[5]));
  const __m256 odd = join(load_cells(cells, at[2], at[3]), load_cells(cells, at[6], at[7]));
  const __m256i starts = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0x88));
  const __m256i others = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0xdd));

  const __m256i code = _mm256_and_si256(states, low);
  const __m256i start0 = _mm256_and_si256(starts, low);
  const __m256i start1 = _mm256_srli_epi32(starts, 16);
  const __m256i width1 = _mm256_and_si256(others, low);
  const __m256i first = _mm256_cmpgt_epi32(start1, code);
  const __m256i start = _mm256_blendv_epi8(start1, start0, first);
  const __m256i width = _mm256_blendv_epi8(width1, _mm256_sub_epi32(start1, start0), first);
  // Minus 1 where it is the first, so that value0 + 1 is what is left.
  const __m256i value = _mm256_add_epi32(_mm256_srai_epi32(others, 16), first);
  const __m256i high = _mm256_srli_epi32(states, 16);
  __m256i next = _mm256_add_epi32(_mm256_mullo_epi32(width, high), _mm256_sub_epi32(code, start));
  store(job.symbols + position, _mm256_sub_epi32(value, _mm256_set1_epi32(-1)));

  unsigned slow = lanes_in(_mm256_cmpeq_epi32(width1, _mm256_setzero_si256()));
  if (slow != 0) [[unlikely]] {
    alignas(32) std::uint32_t before[kWidth];
    alignas(32) std::uint32_t after[kWidth];
    store(before, states);
    store(after, next);
    for (; slow != 0; slow &= slow - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(slow));
      after[lane] = decode_slowly(job, position + lane, before[lane]);
    }
    next = load(after);
  }

  const __m256i short_of = _mm256_cmpeq_epi32(_mm256_srli_epi32(next, 16), _mm256_setzero_si256());
  const unsigned set = lanes_in(short_of);
  const __m256i spread = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(&kSpread[set])));
  const __m256i word = _mm256_permutevar8x32_epi32(_mm256_cvtepu16_epi32(load_half(words)), spread);
  const __m256i filled = _mm256_or_si256(_mm256_slli_epi32(next, 16), word);
  states = _mm256_blendv_epi8(next, filled, short_of);
  return words + std::popcount(set);
}

// The quotient of x and width, and the rest of it, from which the next state comes.
JAXCOMPRESS_AVX2_INLINE __m256i push(__m256i x, __m256i width, __m256i start, __m256i reciprocal) {
  const __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(x, reciprocal), 32);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(reciprocal, 32));
  const __m256i quotient = _mm256_blend_epi32(even, odd, 0xaa);
  const __m256i rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(quotient, width));
  // The quotient is right or 1 too small; the rest is then too large by a width.
  const __m256i right = _mm256_cmpgt_epi32(width, rest);
  const __m256i added = _mm256_andnot_si256(right, _mm256_sub_epi32(_mm256_set1_epi32(1 << 16), width));
  const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(quotient, 16), _mm256_add_epi32(rest, start));
  return _mm256_add_epi32(sum, added);
}

JAXCOMPRESS_AVX2_INLINE std::uint16_t* put_words(std::uint16_t* words, __m128i all, unsigned set) {
  const __m128i together = _mm_shuffle_epi8(all, load_half(&kGather[set]));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(words), together);
  return words + std::popcount(set);
}

// Eight symbols by lanes whose states are `states`; returns the end of the words.
JAXCOMPRESS_AVX2_INLINE std::uint16_t* encode_eight(const LaneEntry* entries, __m256i& states,
                                                    std::uint16_t* words) {
  const __m256i low = _mm256_set1_epi32(0xffff);
  const __m256 even = join(load_half(entries), load_half(entries + 4));
  const __m256 odd = join(load_half(entries + 2), load_half(entries + 6));
  const __m256i codes = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0x88));
  const __m256i reciprocal = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0xdd));
  const __m256i start = _mm256_and_si256(codes, low);
  const __m256i limit = _mm256_andnot_si256(low, codes);  // the width, times 2^16

  const __m256i full = _mm256_cmpeq_epi32(_mm256_max_epu32(states, limit), states);
  const __m256i lows = _mm256_and_si256(states, low);
  const __m128i all = _mm_packus_epi32(_mm256_castsi256_si128(lows), _mm256_extracti128_si256(lows, 1));
  words = put_words(words, all, lanes_in(full));
  const __m256i x = _mm256_blendv_epi8(states, _mm256_srli_epi32(states, 16), full);
  states = push(x, _mm256_srli_epi32(codes, 16), start, reciprocal);
  return words;
}

template <std::size_t kLanes, typename Index>
JAXCOMPRESS_AVX2 const std::uint16_t* decode_rows(const DecodeRows<Index>& job) {
  constexpr std::size_t kVectors = kLanes / kWidth;
  __m256i states[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) states[v] = load(job.states + v * kWidth);
  const std::uint16_t* words = job.words;
  for (std::size_t position = 0; position < job.rows * kLanes; position += kLanes) {
    // The cells' numbers go through memory, which is faster than taking them out of registers one by one.
    alignas(32) std::uint32_t at[kLanes];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      const __m256i row = load_indexes(job.indexes + position + v * kWidth);
      const __m256i code = _mm256_and_si256(states[v], _mm256_set1_epi32(0xffff));
      store(at + v * kWidth,
            _mm256_or_si256(_mm256_slli_epi32(row, LaneTables::kCellBits),
                            _mm256_srli_epi32(code, LaneTables::kCellShift)));
    }
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      words = decode_eight(job, position + v * kWidth, states[v], at + v * kWidth, words);
    }
    if (words > job.words_end) throw_ends_early();
  }
  for (std::size_t v = 0; v < kVectors; ++v) store(job.states + v * kWidth, states[v]);
  return words;
}

template <std::size_t kLanes>
JAXCOMPRESS_AVX2 std::uint16_t* encode_rows(const EncodeRows& job) {
  constexpr std::size_t kVectors = kLanes / kWidth;
  __m256i states[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) states[v] = load(job.states + v * kWidth);
  std::uint16_t* words = job.words;
  for (std::size_t row = 0; row < job.rows; ++row) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      words = encode_eight(job.entries + row * kLanes + v * kWidth, states[v], words);
    }
  }
  for (std::size_t v = 0; v < kVectors; ++v) store(job.states + v * kWidth, states[v]);
  return words;
}

}  // namespace

template <typename Index>
RowDecoder<Index> row_decoder_avx2(std::size_t lanes) {
  return lanes == kFewLanes ? &decode_rows<kFewLanes, Index> : &decode_rows<kManyLanes, Index>;
}

RowEncoder row_encoder_avx2(std::size_t lanes) {
  return lanes == kFewLanes ? &encode_rows<kFewLanes> : &encode_rows<kManyLanes>;
}

template RowDecoder<std::uint8_t> row_decoder_avx2(std::size_t);
template RowDecoder<std::int32_t> row_decoder_avx2(std::size_t);

}  // namespace jaxcompress

#endif
