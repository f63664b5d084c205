// Rows of lanes with AVX2, eight lanes in a register.
#include "jaxcompress/instruction_sets.hpp"

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

// The pairs of 32 bits at a and b.
template <typename Pair>
JAXCOMPRESS_AVX2_INLINE __m128i load_two(const Pair* a, const Pair* b) {
  static_assert(sizeof(Pair) == 8);
  return _mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(a)),
                            _mm_loadl_epi64(reinterpret_cast<const __m128i*>(b)));
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
  const __m256 even = join(load_two(cells + at[0], cells + at[1]), load_two(cells + at[4], cells + at[5]));
  const __m256 odd = join(load_two(cells + at[2], cells + at[3]), load_two(cells + at[6], cells + at[7]));
  const __m256i starts = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0x88));
  const __m256i others = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0xdd));

  const __m256i code = _mm256_and_si256(states, low);
  const __m256i start0 = _mm256_and_si256(starts, low);
  const __m256i start1 = _mm256_srli_epi32(starts, 16);
  const __m256i width1 = _mm256_and_si256(others, low);
  const __m256i first = _mm256_cmpgt_epi32(start1, code);
  const __m256i width0 = _mm256_and_si256(first, _mm256_sub_epi32(start1, start0));
  const __m256i start = _mm256_sub_epi32(start1, width0);
  const __m256i width = _mm256_or_si256(width0, _mm256_andnot_si256(first, width1));
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

// Where the entries of eight symbols are.
template <typename Index>
JAXCOMPRESS_AVX2_INLINE __m256i locate_entries(const EncodeRows<Index>& job, std::size_t position) {
  const __m256i half = _mm256_set1_epi32(static_cast<int>(LaneTables::kNearHalf));
  const __m256i near = _mm256_add_epi32(load(job.symbols + position), half);
  const __m256i is_near = _mm256_cmpeq_epi32(_mm256_srli_epi32(near, LaneTables::kNearBits), _mm256_setzero_si256());
  const __m256i row = _mm256_slli_epi32(load_indexes(job.indexes + position), LaneTables::kNearBits);
  const __m256i far = _mm256_set1_epi32(static_cast<int>(job.tables.far()));
  return _mm256_blendv_epi8(far, _mm256_or_si256(row, near), is_near);
}

// Eight symbols, from the one before `end` down, by lanes whose states are `states`; returns the end of the words.
template <typename Index>
JAXCOMPRESS_AVX2_INLINE std::uint16_t* encode_eight(const EncodeRows<Index>& job, std::size_t end, __m256i& states,
                                                    const std::uint32_t* at, std::uint16_t* words) {
  const __m256i low = _mm256_set1_epi32(0xffff);
  const LaneEntry* near = job.tables.near();
  const __m256 even = join(load_two(near + at[7], near + at[6]), load_two(near + at[3], near + at[2]));
  const __m256 odd = join(load_two(near + at[5], near + at[4]), load_two(near + at[1], near + at[0]));
  __m256i codes = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0x88));
  __m256i reciprocals = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0xdd));

  // A reciprocal is 0 with the width only.
  unsigned slow = lanes_in(_mm256_cmpeq_epi32(reciprocals, _mm256_setzero_si256()));
  if (slow != 0) [[unlikely]] {
    alignas(32) std::uint32_t found_codes[kWidth];
    alignas(32) std::uint32_t found_reciprocals[kWidth];
    store(found_codes, codes);
    store(found_reciprocals, reciprocals);
    for (; slow != 0; slow &= slow - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(slow));
      const LaneEntry entry = find_entry(job, end - 1 - i);
      found_codes[i] = entry.start | std::uint32_t{entry.width} << 16;
      found_reciprocals[i] = entry.reciprocal;
    }
    codes = load(found_codes);
    reciprocals = load(found_reciprocals);
  }

  const __m256i limit = _mm256_andnot_si256(low, codes);  // the width, times 2^16
  const __m256i full = _mm256_cmpeq_epi32(_mm256_max_epu32(states, limit), states);
  const __m256i lows = _mm256_and_si256(states, low);
  const __m128i all = _mm_packus_epi32(_mm256_castsi256_si128(lows), _mm256_extracti128_si256(lows, 1));
  words = put_words(words, all, lanes_in(full));
  const __m256i x = _mm256_blendv_epi8(states, _mm256_srli_epi32(states, 16), full);
  states = push(x, _mm256_srli_epi32(codes, 16), _mm256_and_si256(codes, low), reciprocals);
  return words;
}

template <std::size_t kLanes, typename Index>
JAXCOMPRESS_AVX2 const std::uint16_t* decode_rows(const DecodeRows<Index>& job) {
  constexpr std::size_t kVectors = kLanes / kWidth;
  __m256i states[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) states[v] = load(job.states + v * kWidth);
  const std::uint16_t* words = job.words;
  for (std::size_t position = 0; position < job.rows * kLanes; position += kLanes) {
    alignas(32) std::uint32_t at[kLanes];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      const __m256i row = load_indexes(job.indexes + position + v * kWidth);
      const __m256i code = _mm256_and_si256(states[v], _mm256_set1_epi32(0xffff));
      store(at + v * kWidth,
            _mm256_or_si256(_mm256_slli_epi32(row, LaneTables::kCellBits),
                            _mm256_srli_epi32(code, LaneTables::kCellShift)));
    }
    through_memory(at);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      words = decode_eight(job, position + v * kWidth, states[v], at + v * kWidth, words);
    }
    if (words > job.words_end) throw_ends_early();
  }
  for (std::size_t v = 0; v < kVectors; ++v) store(job.states + v * kWidth, states[v]);
  return words;
}

template <std::size_t kLanes, typename Index>
JAXCOMPRESS_AVX2 std::uint16_t* encode_rows(const EncodeRows<Index>& job) {
  constexpr std::size_t kVectors = kLanes / kWidth;
  __m256i states[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) states[v] = load(job.states + v * kWidth);
  std::uint16_t* words = job.words;
  for (std::size_t end = job.rows * kLanes; end > 0; end -= kLanes) {
    alignas(32) std::uint32_t at[kLanes];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      store(at + v * kWidth, locate_entries(job, end - kLanes + v * kWidth));
    }
    through_memory(at);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      words = encode_eight(job, end - v * kWidth, states[v], at + kLanes - (v + 1) * kWidth, words);
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

template <typename Index>
RowEncoder<Index> row_encoder_avx2(std::size_t lanes) {
  return lanes == kFewLanes ? &encode_rows<kFewLanes, Index> : &encode_rows<kManyLanes, Index>;
}

template RowDecoder<std::uint8_t> row_decoder_avx2(std::size_t);
template RowDecoder<std::int32_t> row_decoder_avx2(std::size_t);
template RowEncoder<std::uint8_t> row_encoder_avx2(std::size_t);
template RowEncoder<std::int32_t> row_encoder_avx2(std::size_t);

}  // namespace jaxcompress

#endif
