// Drives the coder with random, damaged and hostile input; meant to be compiled with sanitizers.
//
//   g++ -std=c++20 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I coder/include
//       coder/fuzz/fuzz_decoder.cpp coder/src/*.cpp -o fuzz_decoder
//   ./fuzz_decoder CASES SEED
//
// Exits with 0 if every case gave what it had to: a round trip, a documented error, or a decoding that
// encodes to the very stream it came from.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "cases.hpp"
#include "jaxcompress/decoder.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/pmf.hpp"
#include "jaxcompress/repair.hpp"
#include "jaxcompress/tables.hpp"

namespace {

using namespace fuzz;
using jaxcompress::Doubt;

// The rules for tables, said once more.
bool is_valid(const Arguments& a) {
  if (a.rows == 0 || a.cdf.size() != a.rows * a.width) return false;
  if (a.lengths.size() != a.rows || a.offsets.size() != a.rows) return false;
  for (std::size_t row = 0; row < a.rows; ++row) {
    if (a.lengths[row] < 3 || a.lengths[row] > static_cast<std::int64_t>(a.width)) return false;
    if (std::abs(std::int64_t{a.offsets[row]}) > 1 << 30) return false;
    const std::int32_t* first = a.cdf.data() + row * a.width;
    const std::int32_t* last = first + a.lengths[row] - 1;
    if (*first != 0 || *last != 65536) return false;
    if (std::adjacent_find(first, last + 1, std::greater_equal<>{}) != last + 1) return false;
  }
  return true;
}

void damage(Arguments& a, Random& random) {
  Ints& ints = *std::array{&a.cdf, &a.lengths, &a.offsets}[random.below(3)];
  std::int32_t& value = ints[random.below(ints.size())];
  const std::uint32_t bit = 1U << random.below(32);
  switch (random.below(6)) {
    case 0: value = random.any_int32(); break;
    case 1: value = std::bit_cast<std::int32_t>(std::bit_cast<std::uint32_t>(value) ^ bit); break;
    case 2: value = random.int32(-2, 70000); break;
    case 3: ints.pop_back(); break;
    case 4: ints.push_back(value); break;
    default: random.one_in(2) ? ++a.rows : ++a.width;
  }
}

void check_tables(const Arguments& a) {
  bool accepted = true;
  try {
    require(a.tables().size() == a.rows, "size of the tables");
  } catch (const std::invalid_argument&) {
    accepted = false;
  }
  require(accepted == is_valid(a), "tables are accepted exactly if they are valid");
}

// The symbols, or nothing for a StreamError; also decodes the stream in two calls, the second of them twice from a copy.
template <typename Index>
std::optional<Ints> decode(const Bytes& stream, const std::vector<Index>& indexes, const CdfTables& tables,
                           Random& random) {
  // The exact allocation lets the address sanitizer see the first byte read too many.
  const Bytes exact(stream.begin(), stream.end());
  Ints symbols(indexes.size());
  std::optional<Ints> result;
  try {
    jaxcompress::Decoder decoder(exact, tables);
    decoder.decode(std::span<const Index>(indexes), std::span(symbols));
    decoder.finish();
    result = symbols;
  } catch (const jaxcompress::StreamError&) {
  }
  const std::size_t cut = random.below(indexes.size() + 1);
  bool ended_well = false;
  Ints again(indexes.size(), 0);
  try {
    jaxcompress::Decoder decoder(exact, tables);
    decoder.decode(std::span<const Index>(indexes).first(cut), std::span(again).first(cut));
    const jaxcompress::Decoder checkpoint = decoder;
    decoder.decode(std::span<const Index>(indexes).subspan(cut), std::span(again).subspan(cut));
    decoder = checkpoint;
    std::ranges::fill(std::span(again).subspan(cut), 0);
    decoder.decode(std::span<const Index>(indexes).subspan(cut), std::span(again).subspan(cut));
    decoder.finish();
    ended_well = true;
  } catch (const jaxcompress::StreamError&) {
  }
  require(ended_well == result.has_value(), "decoding in groups fails exactly if decoding at once does");
  if (ended_well) require(again == symbols, "decoding in groups gives the same symbols");
  return result;
}

// Whether a search ends with indexes that the stream may have been made with, or with this error.
template <typename Index>
bool is_repaired(const Bytes& stream, const std::vector<Index>& indexes, const CdfTables& tables,
                 const std::vector<Doubt>& doubts, std::string_view error) {
  const Bytes exact(stream.begin(), stream.end());
  Ints symbols(indexes.size());
  try {
    const jaxcompress::Repair repair = jaxcompress::decode_repaired(
        std::span(exact), std::span(indexes), tables, std::span(doubts), {40, 10}, std::span(symbols));
    Ints repaired(indexes.begin(), indexes.end());
    for (const std::size_t i : repair.flipped) repaired[doubts[i].position] = doubts[i].alternative;
    require(repair.tries < 32, "no more tries than sets");
    require(encode(symbols, repaired, tables) == exact, "what is repaired is what encoding gives");
    return true;
  } catch (const jaxcompress::StreamError& caught) {
    return std::string_view(caught.what()).find(error) != std::string_view::npos;
  }
}

// Searches for the indexes of a stream whose encoder had other ones at some of the doubts, and of the same
// stream damaged.
template <typename Index>
void check_repair(const Ints& symbols, const std::vector<Index>& indexes, const CdfTables& tables,
                  Random& random) {
  std::vector<Doubt> doubts;
  std::vector<Index> theirs = indexes;
  for (std::size_t position = indexes.size(); position-- > 0 && doubts.size() < 5;) {
    if (!random.one_in(4)) continue;
    const auto alternative = static_cast<Index>(random.below(std::min<std::size_t>(tables.size(), 256)));
    doubts.push_back({position, alternative, static_cast<double>(random.below(4))});
    if (random.one_in(2)) theirs[position] = alternative;
  }
  Bytes stream;
  try {
    stream = encode(symbols, theirs, tables);
  } catch (const std::invalid_argument&) {
    return;  // a symbol is out of reach of its other table
  }
  const bool found = is_repaired(stream, indexes, tables, doubts, "two ways");
  require(found, "flipped indexes are found, or nothing tells which");
  is_repaired(damaged(stream, random), indexes, tables, doubts, "");

  if (doubts.empty()) return;
  Doubt& bad = doubts[random.below(doubts.size())];
  switch (random.below(4)) {
    case 0: bad.position = indexes.size() + random.below(3); break;
    case 1: bad.alternative = static_cast<std::int32_t>(tables.size()); break;
    case 2: bad.alternative = -1; break;
    default: bad.distance = -1;
  }
  try {
    is_repaired(stream, indexes, tables, doubts, "");
    require(false, "a doubt that makes no sense is an error");
  } catch (const std::invalid_argument&) {
  }
}

template <typename Index>
void check_bad_index(const Bytes& stream, std::vector<Index> indexes, const CdfTables& tables, Index bad) {
  indexes.push_back(bad);
  Ints symbols(indexes.size());
  try {
    encode(symbols, indexes, tables);
    require(false, "an index without a table is an error of the encoder");
  } catch (const std::invalid_argument&) {
  }
  try {
    jaxcompress::Decoder(stream, tables).decode(std::span<const Index>(indexes), std::span(symbols));
    require(false, "an index without a table is an error of the decoder");
  } catch (const std::invalid_argument&) {
  } catch (const jaxcompress::StreamError&) {
  }
}

template <typename Index>
void check_streams(Random& random) {
  const Arguments a = valid_arguments(random);
  check_tables(a);
  const CdfTables tables = a.tables();
  const auto [indexes, symbols, codable] = message<Index>(a, random);

  Bytes stream;
  bool coded = true;
  try {
    stream = encode(symbols, indexes, tables);
  } catch (const std::invalid_argument&) {
    coded = false;
  }
  require(coded == codable, "symbols are coded exactly if they are in reach");
  if (!coded) return;
  require(decode(stream, indexes, tables, random) == symbols, "round trip");

  for (int i = 0; i < 2; ++i) {
    const Bytes bad = damaged(stream, random);
    const std::optional<Ints> decoded = decode(bad, indexes, tables, random);
    if (!decoded) continue;
    require(encode(*decoded, indexes, tables) == bad, "what decodes is what encoding gives");
  }
  check_repair(symbols, indexes, tables, random);

  const auto rows = static_cast<std::int64_t>(a.rows);
  const std::int64_t bad = std::array<std::int64_t, 5>{rows, 255, -1, INT32_MIN, INT32_MAX}[random.below(5)];
  const auto index = static_cast<Index>(bad);
  if (index == bad && (bad < 0 || bad >= rows)) check_bad_index(stream, indexes, tables, index);
}

void check_pmf(Random& random) {
  std::vector<float> pmf(random.below(60));
  const bool wild = random.one_in(4);
  for (float& p : pmf) {
    p = std::ldexp(static_cast<float>(random.below(1 << 24)), random.int32(-50, -22));
    if (random.one_in(3)) p = 0;
    if (wild && random.one_in(20)) p = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()));
  }
  const std::int64_t precision = random.between(0, 17);
  try {
    const Ints cdf = jaxcompress::pmf_to_cdf(pmf, precision);
    require(cdf.size() == pmf.size() + 1, "a cdf has one entry more than its pmf");
    require(cdf.front() == 0 && cdf.back() == 1 << precision, "a cdf goes from 0 to 2^precision");
    require(std::ranges::adjacent_find(cdf, std::greater_equal<>{}) == cdf.end(), "a cdf increases strictly");
  } catch (const std::invalid_argument&) {
  }
}

void check_case(Random& random) {
  switch (random.below(4)) {
    case 0: {
      Arguments arguments = valid_arguments(random);
      damage(arguments, random);
      check_tables(arguments);
      break;
    }
    case 1: check_pmf(random); break;
    case 2: check_streams<std::uint8_t>(random); break;
    default: check_streams<std::int32_t>(random);
  }
}

}  // namespace

int main(int argc, char** argv) { return run(argc, argv, check_case); }
