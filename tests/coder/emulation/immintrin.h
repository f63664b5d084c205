// AVX-512 without AVX-512: the intrinsics that lanes_avx512.cpp and integers_avx512vnni.cpp use, one number after the other, as Intel's
// Intrinsics Guide defines them. With the folder of this file before the compiler's own, those sources run on
// every processor with AVX2 (for which it must be compiled), slowly.
#pragma once

#include_next <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

// So that the compiler puts no AVX-512 into the functions.
#define target(features) unused

namespace emulation {

struct Register {
  std::uint32_t at[16];
};
using Mask = std::uint16_t;

template <typename T, typename From>
T read(const From* from) {
  T result;
  std::memcpy(&result, from, sizeof(T));
  return result;
}

template <typename F>
Register each(const F& f) {
  Register result;
  for (std::size_t i = 0; i < 16; ++i) result.at[i] = f(i);
  return result;
}

template <typename F>
Mask each_bit(const F& f) {
  Mask result = 0;
  for (std::size_t i = 0; i < 16; ++i) result = static_cast<Mask>(result | (f(i) ? 1U << i : 0U));
  return result;
}

inline bool has(Mask mask, std::size_t i) { return mask >> i & 1; }

inline std::int32_t as_signed(std::uint32_t value) { return static_cast<std::int32_t>(value); }

inline std::uint64_t pair(const Register& a, std::size_t i) {
  return a.at[i] | std::uint64_t{a.at[i + 1]} << 32;
}

template <typename F>
Register each_pair(const F& f) {
  Register result;
  for (std::size_t i = 0; i < 16; i += 2) {
    const std::uint64_t value = f(i);
    result.at[i] = static_cast<std::uint32_t>(value);
    result.at[i + 1] = static_cast<std::uint32_t>(value >> 32);
  }
  return result;
}

template <typename... T>
Register setr(T... values) {
  static_assert(sizeof...(T) == 16);
  return {{static_cast<std::uint32_t>(values)...}};
}

}  // namespace emulation

#define __m512i emulation::Register
#define __mmask16 emulation::Mask

#define _mm512_loadu_si512(from) emulation::read<emulation::Register>(from)
#define _mm512_load_si512(from) emulation::read<emulation::Register>(from)
#define _mm512_storeu_si512(to, a) std::memcpy(to, &static_cast<const emulation::Register&>(a), 64)
#define _mm512_store_si512(to, a) std::memcpy(to, &static_cast<const emulation::Register&>(a), 64)
#undef _mm512_setr_epi32
#define _mm512_setr_epi32(...) emulation::setr(__VA_ARGS__)
#define _mm512_set1_epi32(value) emulation::set1(value)
#define _mm512_setzero_si512() emulation::set1(0)
#define _mm512_castsi256_si512(a) emulation::widen(a)
#define _mm512_inserti64x4(a, b, half) emulation::insert(a, b, half)
#define _mm512_cvtepu8_epi32(a) emulation::widen_bytes(a)
#define _mm512_cvtepu16_epi32(a) emulation::widen_words(a)
#define _mm512_cvtepi32_epi16(a) emulation::narrow(a)
#define _mm512_permutex2var_epi32(a, index, b) emulation::permute(a, index, b)
#define _mm512_maskz_expand_epi32(mask, a) emulation::expand(mask, a)
#define _mm512_maskz_compress_epi32(mask, a) emulation::compress(mask, a)
#define _mm512_and_si512(a, b) emulation::bit_and(a, b)
#define _mm512_or_si512(a, b) emulation::bit_or(a, b)
#define _mm512_andnot_si512(a, b) emulation::and_not(a, b)
#define _mm512_add_epi32(a, b) emulation::add(a, b)
#define _mm512_sub_epi32(a, b) emulation::sub(a, b)
#define _mm512_mullo_epi32(a, b) emulation::mullo(a, b)
#define _mm512_mul_epu32(a, b) emulation::mul_even(a, b)
#define _mm512_slli_epi32(a, count) emulation::shift_left(a, count)
#define _mm512_srli_epi32(a, count) emulation::shift_right(a, count)
#define _mm512_srai_epi32(a, count) emulation::shift_right_signed(a, count)
#define _mm512_srli_epi64(a, count) emulation::shift_right_pairs(a, count)
#define _mm512_cmpge_epi32_mask(a, b) emulation::greater_equal_signed(a, b)
#define _mm512_cmpge_epu32_mask(a, b) emulation::greater_equal(a, b)
#define _mm512_cmplt_epu32_mask(a, b) static_cast<emulation::Mask>(~emulation::greater_equal(a, b))
#define _mm512_cmpeq_epi32_mask(a, b) emulation::equal(a, b)
#define _mm512_dpbusd_epi32(sums, a, b) emulation::add_products_of_bytes(sums, a, b)
#define _mm512_mask_mov_epi32(source, mask, a) emulation::choose(source, mask, a)
#define _mm512_mask_add_epi32(source, mask, a, b) emulation::choose(source, mask, emulation::add(a, b))
#define _mm512_mask_or_epi32(source, mask, a, b) emulation::choose(source, mask, emulation::bit_or(a, b))
#define _mm512_mask_srli_epi32(source, mask, a, count) \
  emulation::choose(source, mask, emulation::shift_right(a, count))

namespace emulation {

inline Register set1(std::int32_t value) {
  return each([&](std::size_t) { return static_cast<std::uint32_t>(value); });
}

inline Register widen(const __m256i& a) {
  Register result = set1(0x5eaf00d);  // the upper half is undefined
  std::memcpy(&result, &a, sizeof(a));
  return result;
}

inline Register insert(Register a, const __m256i& b, int half) {
  std::memcpy(a.at + 8 * half, &b, sizeof(b));
  return a;
}

inline Register widen_bytes(const __m128i& a) {
  std::uint8_t bytes[16];
  std::memcpy(bytes, &a, sizeof(a));
  return each([&](std::size_t i) { return std::uint32_t{bytes[i]}; });
}

inline Register widen_words(const __m256i& a) {
  std::uint16_t words[16];
  std::memcpy(words, &a, sizeof(a));
  return each([&](std::size_t i) { return std::uint32_t{words[i]}; });
}

inline __m256i narrow(const Register& a) {
  std::uint16_t words[16];
  for (std::size_t i = 0; i < 16; ++i) words[i] = static_cast<std::uint16_t>(a.at[i]);
  return read<__m256i>(words);
}

inline Register permute(const Register& a, const Register& index, const Register& b) {
  return each([&](std::size_t i) { return (index.at[i] & 16 ? b : a).at[index.at[i] & 15]; });
}

inline Register expand(Mask mask, const Register& a) {
  std::size_t next = 0;
  return each([&](std::size_t i) { return has(mask, i) ? a.at[next++] : 0; });
}

inline Register compress(Mask mask, const Register& a) {
  Register result = set1(0);
  std::size_t next = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    if (has(mask, i)) result.at[next++] = a.at[i];
  }
  return result;
}

inline Register bit_and(const Register& a, const Register& b) {
  return each([&](std::size_t i) { return a.at[i] & b.at[i]; });
}

inline Register bit_or(const Register& a, const Register& b) {
  return each([&](std::size_t i) { return a.at[i] | b.at[i]; });
}

inline Register and_not(const Register& a, const Register& b) {
  return each([&](std::size_t i) { return ~a.at[i] & b.at[i]; });
}

inline Register add(const Register& a, const Register& b) {
  return each([&](std::size_t i) { return a.at[i] + b.at[i]; });
}

inline Register sub(const Register& a, const Register& b) {
  return each([&](std::size_t i) { return a.at[i] - b.at[i]; });
}

inline Register mullo(const Register& a, const Register& b) {
  return each([&](std::size_t i) { return a.at[i] * b.at[i]; });
}

// Of unsigned bytes with signed ones, four by four.
inline Register add_products_of_bytes(const Register& sums, const Register& a, const Register& b) {
  return each([&](std::size_t i) {
    std::uint32_t sum = sums.at[i];
    for (int shift = 0; shift < 32; shift += 8) {
      const auto factor = static_cast<std::int8_t>(b.at[i] >> shift);
      sum += (a.at[i] >> shift & 255) * static_cast<std::uint32_t>(factor);
    }
    return sum;
  });
}

inline Register mul_even(const Register& a, const Register& b) {
  return each_pair([&](std::size_t i) { return std::uint64_t{a.at[i]} * b.at[i]; });
}

inline Register shift_left(const Register& a, unsigned count) {
  return each([&](std::size_t i) { return a.at[i] << count; });
}

inline Register shift_right(const Register& a, unsigned count) {
  return each([&](std::size_t i) { return a.at[i] >> count; });
}

inline Register shift_right_signed(const Register& a, unsigned count) {
  return each([&](std::size_t i) { return static_cast<std::uint32_t>(as_signed(a.at[i]) >> count); });
}

inline Register shift_right_pairs(const Register& a, unsigned count) {
  return each_pair([&](std::size_t i) { return pair(a, i) >> count; });
}

inline Mask greater_equal(const Register& a, const Register& b) {
  return each_bit([&](std::size_t i) { return a.at[i] >= b.at[i]; });
}

inline Mask greater_equal_signed(const Register& a, const Register& b) {
  return each_bit([&](std::size_t i) { return as_signed(a.at[i]) >= as_signed(b.at[i]); });
}

inline Mask equal(const Register& a, const Register& b) {
  return each_bit([&](std::size_t i) { return a.at[i] == b.at[i]; });
}

inline Register choose(const Register& source, Mask mask, const Register& a) {
  return each([&](std::size_t i) { return (has(mask, i) ? a : source).at[i]; });
}

}  // namespace emulation
