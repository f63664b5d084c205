// What the fuzzers of the coder draw: tables, messages and damage.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "jaxcompress/encoder.hpp"
#include "jaxcompress/tables.hpp"

namespace fuzz {

using jaxcompress::CdfTables;
using Bytes = std::vector<std::uint8_t>;
using Ints = std::vector<std::int32_t>;

inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

// SplitMix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Uniform in low to high, both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(high - low + 1));
  }
  std::int32_t int32(std::int64_t low, std::int64_t high) {
    return static_cast<std::int32_t>(between(low, high));
  }
  std::size_t size(std::size_t low, std::size_t high) { return low + below(high - low + 1); }
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(bits() % end); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  std::int32_t any_int32() { return static_cast<std::int32_t>(static_cast<std::uint32_t>(bits())); }

 private:
  std::uint64_t state_;
};

struct Arguments {
  std::size_t rows;
  std::size_t width;
  Ints cdf;
  Ints lengths;
  Ints offsets;

  CdfTables tables() const { return {cdf, rows, width, lengths, offsets}; }
};

inline Arguments valid_arguments(Random& random) {
  Arguments result;
  result.rows = random.one_in(300) ? 300 : static_cast<std::size_t>(random.between(1, 4));
  result.width = static_cast<std::size_t>(random.one_in(1000) ? 3000 : random.between(3, 40));
  result.cdf.assign(result.rows * result.width, 0);
  for (std::size_t row = 0; row < result.rows; ++row) {
    const std::int32_t length = random.int32(3, static_cast<std::int64_t>(result.width));
    // Either spread widths, or one symbol that has nearly everything.
    const std::int64_t step = random.one_in(2) ? 65536 / length : 1;
    const auto entries = std::span(result.cdf).subspan(row * result.width, static_cast<std::size_t>(length));
    for (std::size_t i = 1; i < entries.size(); ++i) entries[i] = entries[i - 1] + random.int32(1, step);
    const std::int32_t missing = 65536 - entries.back();
    for (std::size_t i = 1 + random.below(entries.size() - 1); i < entries.size(); ++i) entries[i] += missing;
    result.lengths.push_back(length);
    result.offsets.push_back(random.one_in(10) ? random.int32(-(1 << 30), 1 << 30) : random.int32(-30, 5));
  }
  return result;
}

inline bool is_codable(std::int32_t symbol, std::int32_t offset, std::int32_t length) {
  const std::int64_t value = std::int64_t{symbol} - offset;
  const std::int64_t escape = length - 2;
  return value >= -(1 << 27) && value < escape + (1 << 27);
}

// Symbols, most of them in their tables, with indexes.
template <typename Index>
struct Message {
  std::vector<Index> indexes;
  Ints symbols;
  bool codable = true;
};

template <typename Index>
Message<Index> message(const Arguments& a, Random& random) {
  const std::size_t usable = std::min<std::size_t>(a.rows, std::numeric_limits<Index>::max());
  // Rarely more than what is coded in one go.
  const std::size_t count = random.below(random.one_in(500) ? 10000 : random.one_in(10) ? 200 : 20);
  Message<Index> result;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = random.below(usable);
    const std::int32_t offset = a.offsets[index];
    const std::int32_t length = a.lengths[index];
    std::int64_t reach = length + 3;
    if (random.one_in(30)) reach = std::int64_t{1} << random.below(28);
    std::int32_t symbol = random.int32(offset - reach / 3, offset + reach);
    if (random.one_in(500)) symbol = random.any_int32();
    result.indexes.push_back(static_cast<Index>(index));
    result.symbols.push_back(symbol);
    result.codable = result.codable && is_codable(symbol, offset, length);
  }
  return result;
}

template <typename Index>
Bytes encode(const Ints& symbols, const std::vector<Index>& indexes, const CdfTables& tables) {
  return jaxcompress::encode(std::span(symbols), std::span(indexes), tables);
}

// Of a stream of the format of one state.
inline Bytes damaged(Bytes stream, Random& random) {
  const auto byte = static_cast<std::uint8_t>(random.bits());
  switch (random.below(6)) {
    case 0: stream.resize(random.below(stream.size() + 1)); break;
    case 1: stream.resize(random.below(stream.size() / 4 + 1) * 4); break;
    case 2: stream[random.below(stream.size())] ^= static_cast<std::uint8_t>(1U << random.below(8)); break;
    case 3: stream.insert(stream.end(), 4, byte); break;
    case 4: std::ranges::fill(stream, random.one_in(2) ? std::uint8_t{0} : std::uint8_t{255}); break;
    default: std::ranges::generate(stream, [&] { return static_cast<std::uint8_t>(random.bits()); });
  }
  // A first state in the range lets most random streams through to the symbols.
  if (stream.size() >= 8 && random.one_in(2)) stream[7] &= 127;
  return stream;
}

// What main() of a fuzzer is: calls check(random) as often as the command line says. `how` is said after it has passed.
template <typename Check>
int run(int argc, char** argv, const Check& check, const std::string& how = "") {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CASES SEED\n", argv[0]);
    return 2;
  }
  const std::uint64_t cases = std::strtoull(argv[1], nullptr, 10);
  Random random(std::strtoull(argv[2], nullptr, 10));
  for (std::uint64_t i = 0; i < cases; ++i) check(random);
  std::printf("%llu cases passed%s\n", static_cast<unsigned long long>(cases), how.c_str());
  return 0;
}

}  // namespace fuzz
