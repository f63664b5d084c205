// The cores of two rANS coders on one message: ours, and CompressAI's algorithm.
//
// CompressAI's extension can only be called with Python lists, whose conversion takes longer than the coding. So what
// it does between its lists is written down here anew: the encoder first lists every symbol's interval, then divides
// by hardware from the last to the first; the decoder searches each table from its beginning; tables are vectors of
// vectors.
//
//   coder_core MESSAGE
//
// MESSAGE holds 32-bit integers: rows, width and count, then lengths, offsets, cdf, symbols and indexes. For each line
// of standard input every contestant has its turn, and a line with a JSON object is printed: nanoseconds of CPU time
// per symbol for each, and of one cycle, by a chain of multiplications that take 3 each.
#if defined(__linux__)
#include <malloc.h>
#endif

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "jaxcompress/batch.hpp"
#include "jaxcompress/decoder.hpp"
#include "jaxcompress/encoder.hpp"
#include "jaxcompress/tables.hpp"

namespace {

using Bytes = std::vector<std::uint8_t>;
using Ints = std::vector<std::int32_t>;

constexpr std::uint64_t kStateMin = std::uint64_t{1} << 31;

struct Message {
  std::size_t rows;
  std::size_t width;
  Ints lengths;
  Ints offsets;
  Ints cdf;
  Ints symbols;
  Ints indexes;
};

struct ReferenceTables {
  explicit ReferenceTables(const Message& message) : lengths(message.lengths), offsets(message.offsets) {
    for (std::size_t row = 0; row < message.rows; ++row) {
      const auto first = message.cdf.begin() + static_cast<std::ptrdiff_t>(row * message.width);
      cdfs.emplace_back(first, first + static_cast<std::ptrdiff_t>(message.width));
    }
  }

  std::vector<Ints> cdfs;
  Ints lengths;
  Ints offsets;
};

struct Interval {
  std::uint16_t start;
  std::uint16_t width;
  bool is_nibble;
};

Bytes reference_encode(const Ints& symbols, const Ints& indexes, const ReferenceTables& tables) {
  std::vector<Interval> intervals;
  const auto push_nibble = [&](std::uint32_t nibble) {
    intervals.push_back({static_cast<std::uint16_t>(nibble), 1, true});
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const auto index = static_cast<std::size_t>(indexes[i]);
    const Ints& cdf = tables.cdfs[index];
    const std::int32_t escape = tables.lengths[index] - 2;
    std::int32_t value = symbols[i] - tables.offsets[index];
    std::uint32_t raw = 0;
    if (value < 0) {
      raw = static_cast<std::uint32_t>(-2 * value - 1);
      value = escape;
    } else if (value >= escape) {
      raw = static_cast<std::uint32_t>(2 * (value - escape));
      value = escape;
    }
    const auto symbol = static_cast<std::size_t>(value);
    intervals.push_back({static_cast<std::uint16_t>(cdf[symbol]),
                         static_cast<std::uint16_t>(cdf[symbol + 1] - cdf[symbol]), false});
    if (value == escape) {
      std::uint32_t count = 0;
      while (raw >> (4 * count) != 0) ++count;
      push_nibble(count);
      for (std::uint32_t n = 0; n < count; ++n) push_nibble((raw >> (4 * n)) & 15);
    }
  }

  std::vector<std::uint32_t> words(intervals.size() + 2, 0xcc);
  std::uint32_t* top = words.data() + words.size();
  std::uint64_t state = kStateMin;
  const auto renormalise = [&](std::uint64_t end) {
    if (state < end) return;
    *--top = static_cast<std::uint32_t>(state);
    state >>= 32;
  };
  for (; !intervals.empty(); intervals.pop_back()) {
    const Interval interval = intervals.back();
    if (interval.is_nibble) {
      renormalise(std::uint64_t{1} << 59);
      state = state << 4 | interval.start;
    } else {
      renormalise(std::uint64_t{interval.width} << 47);
      state = ((state / interval.width) << 16) + state % interval.width + interval.start;
    }
  }
  *--top = static_cast<std::uint32_t>(state >> 32);
  *--top = static_cast<std::uint32_t>(state);
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(top);
  return {bytes, reinterpret_cast<const std::uint8_t*>(words.data() + words.size())};
}

Ints reference_decode(const Bytes& stream, const Ints& indexes, const ReferenceTables& tables) {
  Ints symbols(indexes.size());
  const auto* next = reinterpret_cast<const std::uint32_t*>(stream.data());
  std::uint64_t state = next[0] | std::uint64_t{next[1]} << 32;
  next += 2;
  const auto renormalise = [&] {
    if (state < kStateMin) state = state << 32 | *next++;
  };
  const auto read_nibble = [&] {
    const auto nibble = static_cast<std::uint32_t>(state & 15);
    state >>= 4;
    renormalise();
    return nibble;
  };
  for (std::size_t i = 0; i < indexes.size(); ++i) {
    const auto index = static_cast<std::size_t>(indexes[i]);
    const Ints& cdf = tables.cdfs[index];
    const std::int32_t escape = tables.lengths[index] - 2;
    const auto code = static_cast<std::int32_t>(state & 0xffff);
    const auto after = std::find_if(cdf.begin(), cdf.begin() + tables.lengths[index],
                                    [code](std::int32_t entry) { return entry > code; });
    const std::int32_t start = *(after - 1);
    state = static_cast<std::uint64_t>(*after - start) * (state >> 16) + static_cast<std::uint64_t>(code - start);
    renormalise();
    auto value = static_cast<std::int32_t>(after - cdf.begin()) - 1;
    if (value == escape) {
      const std::uint32_t count = read_nibble();
      std::uint32_t raw = 0;
      for (std::uint32_t n = 0; n < count; ++n) raw |= read_nibble() << (4 * n);
      const auto half = static_cast<std::int32_t>(raw >> 1);
      value = raw & 1 ? -half - 1 : half + escape;
    }
    symbols[i] = value + tables.offsets[index];
  }
  return symbols;
}

double cpu_nanoseconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

constexpr int kMultiplications = 200'000;

void multiply() {
  std::uint64_t product = 3;
  for (int i = 0; i < kMultiplications; ++i) {
    product *= product;
    asm volatile("" : "+r"(product));
  }
}

Message read_message(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const auto read = [&](std::size_t count) {
    Ints values(count);
    file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(4 * count));
    return values;
  };
  const Ints sizes = read(3);
  const auto rows = static_cast<std::size_t>(sizes[0]);
  const auto width = static_cast<std::size_t>(sizes[1]);
  const auto count = static_cast<std::size_t>(sizes[2]);
  Message message{rows, width, read(rows), read(rows), read(rows * width), read(count), read(count)};
  if (!file) std::exit(2);
  return message;
}

void require(bool condition) {
  if (condition) return;
  std::fprintf(stderr, "the coders differ\n");
  std::exit(1);
}

struct Contestant {
  const char* name;
  double per_run;
  std::function<void()> code;
};

template <typename Index>
void serve(const Message& message) {
  const jaxcompress::CdfTables tables(message.cdf, message.rows, message.width, message.lengths, message.offsets);
  const ReferenceTables reference(message);
  const std::vector<Index> index_values(message.indexes.begin(), message.indexes.end());
  const std::span<const Index> indexes(index_values);
  const std::span<const std::int32_t> symbols(message.symbols);

  const Bytes stream = reference_encode(message.symbols, message.indexes, reference);
  require(jaxcompress::encode(symbols, indexes, tables) == stream);
  require(reference_decode(stream, message.indexes, reference) == message.symbols);
  std::array<Ints, 3> decoded;
  std::vector<jaxcompress::PictureToDecode<Index>> to_decode;
  for (Ints& one : decoded) {
    one.resize(symbols.size());
    to_decode.push_back({stream, indexes, one});
  }
  const std::vector<jaxcompress::PictureToEncode<Index>> to_encode(3, {symbols, indexes});
  const auto decode = [&] {
    jaxcompress::Decoder decoder(stream, tables);
    decoder.decode(indexes, std::span(decoded[0]));
    decoder.finish();
  };

  const auto count = static_cast<double>(symbols.size());
  const std::vector<Contestant> contestants = {
      {"cycle", 3.0 * kMultiplications, multiply},
      {"reference encode", count, [&] { reference_encode(message.symbols, message.indexes, reference); }},
      {"encode", count, [&] { jaxcompress::encode_stream(symbols, indexes, tables); }},
      {"encode 3 at once", 3 * count, [&] { jaxcompress::encode_batch<Index>(to_encode, tables, 1); }},
      {"reference decode", count, [&] { reference_decode(stream, message.indexes, reference); }},
      {"decode", count, decode},
      {"decode 3 at once", 3 * count, [&] { jaxcompress::decode_batch<Index>(to_decode, tables, 1); }},
  };
  for (std::string line; std::getline(std::cin, line);) {
    std::string answer;
    for (const Contestant& contestant : contestants) {
      const double began = cpu_nanoseconds();
      contestant.code();
      const double time = (cpu_nanoseconds() - began) / contestant.per_run;
      answer += (answer.empty() ? "{\"" : ", \"") + std::string(contestant.name) + "\": " + std::to_string(time);
    }
    for (const Ints& one : decoded) require(one == message.symbols);
    std::cout << answer << '}' << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
#if defined(__GLIBC__)
  // Memory once used stays at hand. Else page faults, which have nothing to do with coding, can make up half of the
  // reference encoder's time, whose lists are long.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
  const Message message = read_message(argv[1]);
  message.rows <= 256 ? serve<std::uint8_t>(message) : serve<std::int32_t>(message);
}
