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
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "cases.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/lanes.hpp"

namespace {

using namespace fuzz;
using jaxcompress::InstructionSet;
using jaxcompress::Kernel;

Ints random_symbols(Random& random, const Arguments& rows, std::span<const std::uint8_t> indexes) {
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

Bytes damaged_lanes(Bytes stream, Random& random) {
  const auto byte = static_cast<std::uint8_t>(random.bits());
  switch (random.below(7)) {
    case 0: stream.resize(random.below(stream.size() + 1)); break;
    case 1: stream.resize(random.below(stream.size() / 2 + 1) * 2 + 1); break;
    case 2: stream[random.below(stream.size())] ^= static_cast<std::uint8_t>(1U << random.below(8)); break;
    case 3: stream.insert(stream.end(), 2 * (1 + random.below(100)), byte); break;
    case 4: std::ranges::fill(std::span(stream).subspan(1), random.one_in(2) ? std::uint8_t{0} : byte); break;
    case 5: stream[random.below(std::min<std::size_t>(stream.size(), 9))] = byte; break;
    default:
      std::ranges::generate(std::span(stream).subspan(1), [&] { return static_cast<std::uint8_t>(random.bits()); });
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
  const Arguments rows = valid_arguments(random);
  const CdfTables cdf_tables = rows.tables();
  const jaxcompress::LaneTables tables(cdf_tables);
  const std::size_t usable = std::min<std::size_t>(rows.rows, 255);
  std::vector<std::uint8_t> indexes(random.one_in(10) ? random.below(3000) : random.below(400));
  for (std::uint8_t& index : indexes) index = static_cast<std::uint8_t>(random.below(usable));
  const Ints symbols = random_symbols(random, rows, indexes);

  jaxcompress::LaneOptions options;
  options.lanes = random.one_in(2) ? jaxcompress::kFewLanes : jaxcompress::kManyLanes;
  options.parts = random.one_in(2) ? 1 : 1 + random.below(5);
  options.threads = random.one_in(20) ? 2 : 1;
  options.set = InstructionSet::kPortable;
  const Bytes stream = encode(symbols, indexes, tables, options);
  std::vector<Bytes> streams = {stream, damaged_lanes(stream, random), damaged_lanes(stream, random)};
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

  if (indexes.empty() || rows.rows > 255) return;
  indexes[random.below(indexes.size())] = static_cast<std::uint8_t>(random.size(rows.rows, 255));
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
  std::string kernels = " by";
  for (const InstructionSet set : jaxcompress::instruction_sets(Kernel::kLanes)) {
    kernels += " " + std::string(jaxcompress::to_string(set));
  }
  return run(argc, argv, check_case, kernels);
}
