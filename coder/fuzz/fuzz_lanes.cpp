// Drives the format of many lanes with random, damaged and hostile input, by every kernel of the processor;
// meant to be compiled with sanitizers.
//
//   g++ -std=c++20 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I coder/include
//       coder/fuzz/fuzz_lanes.cpp coder/src/*.cpp -o fuzz_lanes
//   ./fuzz_lanes CASES SEED
//
// Exits with 0 if every case gave what it had to: a round trip, a documented error, or a decoding that
// encodes to the very stream it came from; and the same by every kernel.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "jaxcompress/errors.hpp"
#include "jaxcompress/lanes.hpp"

namespace {

using jaxcompress::InstructionSet;
using jaxcompress::Kernel;
using Bytes = std::vector<std::uint8_t>;
using Ints = std::vector<std::int32_t>;

void require(bool condition, const char* what) {
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
  std::int32_t int32(std::int64_t low, std::int64_t high) {
    const auto range = static_cast<std::uint64_t>(high - low + 1);
    return static_cast<std::int32_t>(low + static_cast<std::int64_t>(bits() % range));
  }
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(bits() % end); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(bits()); }

 private:
  std::uint64_t state_;
};

struct Rows {
  std::size_t count;
  std::size_t width;
  Ints cdf;
  Ints lengths;
  Ints offsets;
};

Rows random_rows(Random& random) {
  Rows rows{1 + random.below(4), random.one_in(50) ? 700U : 3 + random.below(38), {}, {}, {}};
  rows.cdf.assign(rows.count * rows.width, 0);
  for (std::size_t row = 0; row < rows.count; ++row) {
    const std::int32_t length = random.int32(3, static_cast<std::int64_t>(rows.width));
    // Either spread widths, or one symbol that has nearly everything.
    const std::int64_t step = random.one_in(2) ? 65536 / length : 1;
    const auto entries = std::span(rows.cdf).subspan(row * rows.width, static_cast<std::size_t>(length));
    for (std::size_t i = 1; i < entries.size(); ++i) entries[i] = entries[i - 1] + random.int32(1, step);
    const std::int32_t missing = 65536 - entries.back();
    // Rarely at the escape, since escapes make everything else rare.
    const std::size_t likely = random.one_in(5) ? entries.size() - 1 : 1 + random.below(entries.size() - 2);
    for (std::size_t i = likely; i < entries.size(); ++i) entries[i] += missing;
    rows.lengths.push_back(length);
    rows.offsets.push_back(random.one_in(5) ? random.int32(-(1 << 30), 1 << 30) : random.int32(-30, 5));
  }
  return rows;
}

Ints random_symbols(Random& random, const Rows& rows, std::span<const std::uint8_t> indexes) {
  const std::size_t escapes = 1 + random.below(300);
  Ints symbols;
  for (const std::size_t index : indexes) {
    const std::int32_t* cdf = rows.cdf.data() + index * rows.width;
    const std::int32_t* end = cdf + rows.lengths[index] - 1;
    // As likely as its table says.
    const std::int64_t value = std::upper_bound(cdf, end, random.int32(0, end[-1] - 1)) - cdf - 1;
    const std::int64_t reach = random.one_in(escapes) ? std::int64_t{1} << random.below(27) : 0;
    symbols.push_back(random.int32(value - reach, value + reach) + rows.offsets[index]);
  }
  return symbols;
}

Bytes damaged(Bytes stream, Random& random) {
  switch (random.below(7)) {
    case 0: stream.resize(random.below(stream.size() + 1)); break;
    case 1: stream.resize(random.below(stream.size() / 2 + 1) * 2 + 1); break;
    case 2: stream[random.below(stream.size())] ^= static_cast<std::uint8_t>(1U << random.below(8)); break;
    case 3: stream.insert(stream.end(), 2 * (1 + random.below(100)), random.byte()); break;
    case 4: std::ranges::fill(std::span(stream).subspan(1), random.one_in(2) ? std::uint8_t{0} : random.byte()); break;
    case 5: stream[random.below(std::min<std::size_t>(stream.size(), 9))] = random.byte(); break;
    default: std::ranges::generate(std::span(stream).subspan(1), [&] { return random.byte(); });
  }
  return stream;
}

// The symbols, or nothing for a StreamError.
template <typename Index>
std::optional<Ints> decode(const Bytes& stream, std::span<const std::uint8_t> indexes,
                           const jaxcompress::LaneTables& tables, std::size_t threads, InstructionSet set) {
  // The exact allocations let the address sanitizer see the first byte too many.
  const Bytes exact(stream.begin(), stream.end());
  const std::vector<Index> exact_indexes(indexes.begin(), indexes.end());
  Ints symbols(indexes.size());
  try {
    jaxcompress::decode_lanes(exact, std::span(exact_indexes), std::span(symbols), tables, threads, set);
    return symbols;
  } catch (const jaxcompress::StreamError&) {
    return std::nullopt;
  }
}

Bytes encode(const Ints& symbols, const std::vector<std::uint8_t>& indexes, const jaxcompress::LaneTables& tables,
             const jaxcompress::LaneOptions& options) {
  return jaxcompress::encode_lanes(std::span(symbols), std::span(indexes), tables, options);
}

void check_case(Random& random) {
  const Rows rows = random_rows(random);
  const jaxcompress::CdfTables cdf_tables(rows.cdf, rows.count, rows.width, rows.lengths, rows.offsets);
  const jaxcompress::LaneTables tables(cdf_tables);
  std::vector<std::uint8_t> indexes(random.one_in(10) ? random.below(3000) : random.below(400));
  for (std::uint8_t& index : indexes) index = static_cast<std::uint8_t>(random.below(rows.count));
  const Ints symbols = random_symbols(random, rows, indexes);

  jaxcompress::LaneOptions options;
  options.lanes = random.one_in(2) ? jaxcompress::kFewLanes : jaxcompress::kManyLanes;
  options.parts = random.one_in(2) ? 1 : 1 + random.below(5);
  options.threads = random.one_in(20) ? 2 : 1;
  options.set = InstructionSet::kPortable;
  const Bytes stream = encode(symbols, indexes, tables, options);
  std::vector<Bytes> streams = {stream, damaged(stream, random), damaged(stream, random)};
  std::vector<std::optional<Ints>> expected;
  for (const Bytes& bytes : streams) {
    expected.push_back(decode<std::uint8_t>(bytes, indexes, tables, options.threads, InstructionSet::kPortable));
  }
  require(expected.front() == symbols, "round trip");

  for (const InstructionSet set : jaxcompress::instruction_sets(Kernel::kLanes)) {
    options.set = set;
    require(encode(symbols, indexes, tables, options) == stream, "every kernel gives the same bytes");
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const auto bytes = decode<std::uint8_t>(streams[i], indexes, tables, options.threads, set);
      const auto ints = decode<std::int32_t>(streams[i], indexes, tables, options.threads, set);
      require(bytes == expected[i] && ints == expected[i], "every kernel gives the same symbols, or an error");
    }
  }
  for (std::size_t i = 1; i < streams.size(); ++i) {
    if (!expected[i]) continue;
    options.lanes = streams[i][0] & 1 ? jaxcompress::kManyLanes : jaxcompress::kFewLanes;
    options.parts = std::size_t{streams[i][0]} / 2 + 1;
    require(encode(*expected[i], indexes, tables, options) == streams[i], "what decodes is what encoding gives");
  }

  if (indexes.empty()) return;
  indexes[random.below(indexes.size())] = static_cast<std::uint8_t>(random.int32(4, 255));
  for (const InstructionSet set : jaxcompress::instruction_sets(Kernel::kLanes)) {
    options.set = set;
    try {
      encode(symbols, indexes, tables, options);
      require(false, "an index without a table is an error of the encoder");
    } catch (const std::invalid_argument&) {
    }
    try {
      decode<std::int32_t>(stream, indexes, tables, 1, set);
      require(false, "an index without a table is an error of the decoder");
    } catch (const std::invalid_argument&) {
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CASES SEED\n", argv[0]);
    return 2;
  }
  const std::uint64_t cases = std::strtoull(argv[1], nullptr, 10);
  Random random(std::strtoull(argv[2], nullptr, 10));
  for (std::uint64_t i = 0; i < cases; ++i) check_case(random);
  std::printf("%llu cases passed by", static_cast<unsigned long long>(cases));
  for (const InstructionSet set : jaxcompress::instruction_sets(Kernel::kLanes)) std::printf(" %s", jaxcompress::to_string(set).data());
  std::printf("\n");
}
