// Rows of lanes with AVX2, eight lanes in a register.
#include "jaxcompress/instruction_sets.hpp"

#if JAXCOMPRESS_X86

#include <immintrin.h>

#include <array>
#include <bit>

#include "jaxcompress/lanes_kernels.hpp"
#include "jaxcompress/lanes_words.hpp"

#define JAXCOMPRESS_TARGET __attribute__((target("avx2,popcnt")))
#define JAXCOMPRESS_TARGET_INLINE __attribute__((target("avx2,popcnt"), always_inline)) inline

namespace jaxcompress {
namespace {

using Vector = __m256i;

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
JAXCOMPRESS_TARGET_INLINE Vector load(const T* from) {
  return _mm256_loadu_si256(reinterpret_cast<const Vector*>(from));
}

template <typename T>
JAXCOMPRESS_TARGET_INLINE void store(T* to, Vector value) {
  _mm256_storeu_si256(reinterpret_cast<Vector*>(to), value);
}

#include "lanes_rows.hpp"

template <typename T>
JAXCOMPRESS_TARGET_INLINE __m128i load_half(const T* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

JAXCOMPRESS_TARGET_INLINE Vector load_indexes(const std::uint8_t* from) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}

JAXCOMPRESS_TARGET_INLINE Vector load_indexes(const std::int32_t* from) { return load(from); }

// a[0], a[1], b[0], b[1]
JAXCOMPRESS_TARGET_INLINE __m256 join(__m128i a, __m128i b) {
  return _mm256_castsi256_ps(_mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1));
}

// The pairs of 32 bits at a and b.
template <typename Pair>
JAXCOMPRESS_TARGET_INLINE __m128i load_two(const Pair* a, const Pair* b) {
  static_assert(sizeof(Pair) == 8);
  return _mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(a)),
                            _mm_loadl_epi64(reinterpret_cast<const __m128i*>(b)));
}

JAXCOMPRESS_TARGET_INLINE unsigned lanes_in(Vector mask) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(mask)));
}

template <typename Index>
JAXCOMPRESS_TARGET_INLINE Vector locate_cells(const DecodeRows<Index>& job, std::size_t position, Vector states) {
  const Vector row = load_indexes(job.indexes + position);
  const Vector code = _mm256_and_si256(states, _mm256_set1_epi32(0xffff));
  return _mm256_or_si256(_mm256_slli_epi32(row, LaneTables::kCellBits), _mm256_srli_epi32(code, LaneTables::kCellShift));
}

template <typename Index>
JAXCOMPRESS_TARGET_INLINE const std::uint16_t* decode_vector(const DecodeRows<Index>& job, std::size_t position,
                                                             Vector& states, const std::uint32_t* at,
                                                             const std::uint16_t* words) {
  const Vector low = _mm256_set1_epi32(0xffff);
  const LaneCell* cells = job.tables.cells();
  // In this order, shuffles within halves give the lanes from 0 to 7.
  const __m256 even = join(load_two(cells + at[0], cells + at[1]), load_two(cells + at[4], cells + at[5]));
  const __m256 odd = join(load_two(cells + at[2], cells + at[3]), load_two(cells + at[6], cells + at[7]));
  const Vector starts = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0x88));
  const Vector others = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0xdd));

  const Vector code = _mm256_and_si256(states, low);
  const Vector start0 = _mm256_and_si256(starts, low);
  const Vector start1 = _mm256_srli_epi32(starts, 16);
  const Vector width1 = _mm256_and_si256(others, low);
  const Vector first = _mm256_cmpgt_epi32(start1, code);
  const Vector width0 = _mm256_and_si256(first, _mm256_sub_epi32(start1, start0));
  const Vector start = _mm256_sub_epi32(start1, width0);
  const Vector width = _mm256_or_si256(width0, _mm256_andnot_si256(first, width1));
  // Minus 1 where it is the first, so that value0 + 1 is what is left.
  const Vector value = _mm256_add_epi32(_mm256_srai_epi32(others, 16), first);
  const Vector high = _mm256_srli_epi32(states, 16);
  Vector next = _mm256_add_epi32(_mm256_mullo_epi32(width, high), _mm256_sub_epi32(code, start));
  store(job.symbols + position, _mm256_sub_epi32(value, _mm256_set1_epi32(-1)));

  const unsigned slow = lanes_in(_mm256_cmpeq_epi32(width1, _mm256_setzero_si256()));
  if (slow != 0) [[unlikely]] next = decode_slow_lanes(job, position, slow, states, next);

  const Vector short_of = _mm256_cmpeq_epi32(_mm256_srli_epi32(next, 16), _mm256_setzero_si256());
  const unsigned set = lanes_in(short_of);
  const Vector spread = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(&kSpread[set])));
  const Vector word = _mm256_permutevar8x32_epi32(_mm256_cvtepu16_epi32(load_half(words)), spread);
  const Vector filled = _mm256_or_si256(_mm256_slli_epi32(next, 16), word);
  states = _mm256_blendv_epi8(next, filled, short_of);
  return words + std::popcount(set);
}

// The quotient of x and width, and the rest of it, from which the next state comes.
JAXCOMPRESS_TARGET_INLINE Vector push(Vector x, Vector width, Vector start, Vector reciprocal) {
  const Vector even = _mm256_srli_epi64(_mm256_mul_epu32(x, reciprocal), 32);
  const Vector odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(reciprocal, 32));
  const Vector quotient = _mm256_blend_epi32(even, odd, 0xaa);
  const Vector rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(quotient, width));
  // The quotient is right or 1 too small; the rest is then too large by a width.
  const Vector right = _mm256_cmpgt_epi32(width, rest);
  const Vector added = _mm256_andnot_si256(right, _mm256_sub_epi32(_mm256_set1_epi32(1 << 16), width));
  const Vector sum = _mm256_add_epi32(_mm256_slli_epi32(quotient, 16), _mm256_add_epi32(rest, start));
  return _mm256_add_epi32(sum, added);
}

JAXCOMPRESS_TARGET_INLINE std::uint16_t* put_words(std::uint16_t* words, __m128i all, unsigned set) {
  const __m128i together = _mm_shuffle_epi8(all, load_half(&kGather[set]));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(words), together);
  return words + std::popcount(set);
}

template <typename Index>
JAXCOMPRESS_TARGET_INLINE Vector locate_entries(const EncodeRows<Index>& job, std::size_t position) {
  const Vector half = _mm256_set1_epi32(static_cast<int>(LaneTables::kNearHalf));
  const Vector near = _mm256_add_epi32(load(job.symbols + position), half);
  const Vector is_near = _mm256_cmpeq_epi32(_mm256_srli_epi32(near, LaneTables::kNearBits), _mm256_setzero_si256());
  const Vector row = _mm256_slli_epi32(load_indexes(job.indexes + position), LaneTables::kNearBits);
  const Vector far = _mm256_set1_epi32(static_cast<int>(job.tables.far()));
  return _mm256_blendv_epi8(far, _mm256_or_si256(row, near), is_near);
}

template <typename Index>
JAXCOMPRESS_TARGET_INLINE std::uint16_t* encode_vector(const EncodeRows<Index>& job, std::size_t end, Vector& states,
                                                       const std::uint32_t* at, std::uint16_t* words) {
  const Vector low = _mm256_set1_epi32(0xffff);
  const LaneEntry* near = job.tables.near();
  const __m256 even = join(load_two(near + at[7], near + at[6]), load_two(near + at[3], near + at[2]));
  const __m256 odd = join(load_two(near + at[5], near + at[4]), load_two(near + at[1], near + at[0]));
  Vector codes = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0x88));
  Vector reciprocals = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, 0xdd));

  // A reciprocal is 0 with the width only.
  const unsigned slow = lanes_in(_mm256_cmpeq_epi32(reciprocals, _mm256_setzero_si256()));
  if (slow != 0) [[unlikely]] find_slow_entries(job, end, slow, codes, reciprocals);

  const Vector limit = _mm256_andnot_si256(low, codes);  // the width, times 2^16
  const Vector full = _mm256_cmpeq_epi32(_mm256_max_epu32(states, limit), states);
  const Vector lows = _mm256_and_si256(states, low);
  const __m128i all = _mm_packus_epi32(_mm256_castsi256_si128(lows), _mm256_extracti128_si256(lows, 1));
  words = put_words(words, all, lanes_in(full));
  const Vector x = _mm256_blendv_epi8(states, _mm256_srli_epi32(states, 16), full);
  states = push(x, _mm256_srli_epi32(codes, 16), _mm256_and_si256(codes, low), reciprocals);
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
