// Drives integer autoregressive coding with random networks, pictures and streams; meant to be compiled with
// sanitizers, of which that of undefined behaviour finds every sum that overflows.
//
//   g++ -std=c++20 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I coder/include
//       coder/fuzz/fuzz_integer.cpp coder/src/*.cpp -o fuzz_integer
//   ./fuzz_integer CASES SEED
//
// Exits with 0 if every case gave what it had to: equal bits in every way to run it, or a documented error. Says by
// which instruction sets.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "jaxcompress/errors.hpp"
#include "jaxcompress/integer_latents.hpp"
#include "jaxcompress/integer_model.hpp"
#include "jaxcompress/tables.hpp"

namespace {

using namespace jaxcompress;
using Bytes = std::vector<std::uint8_t>;
using Values = std::vector<float>;
using Random = std::mt19937_64;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

std::int64_t between(Random& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1));
}

std::size_t size_between(Random& random, std::int64_t low, std::int64_t high) {
  return static_cast<std::size_t>(between(random, low, high));
}

// The exact allocation lets the address sanitizer see the first value read too many.
template <typename T>
std::vector<T> uniform(Random& random, std::size_t size, std::int64_t low, std::int64_t high) {
  std::vector<T> values(size);
  for (T& value : values) value = static_cast<T>(random() % 8 == 0 ? (random() % 2 ? low : high) : between(random, low, high));
  return values;
}

constexpr std::size_t kTables = 3;

CdfTables make_tables() {
  const std::vector<std::int32_t> cdf = {0, 900, 64000, 65000, 65536, 0,     0,     0,
                                         0, 9000, 20000, 40000, 52000, 65000, 65536, 0,
                                         0, 9000, 18000, 27000, 36000, 45000, 54000, 65536};
  return {cdf, kTables, 8, std::vector<std::int32_t>{5, 7, 8}, std::vector<std::int32_t>{-1, -2, -3}};
}

struct Layer {
  std::vector<std::int8_t> kernel;
  std::vector<std::int32_t> bias;
  std::vector<std::uint8_t> shifts;
};

struct Network {
  std::size_t size;
  std::size_t channels;
  std::vector<std::size_t> widths;  // X_0 and so on
  std::vector<std::int8_t> context;
  std::vector<std::uint8_t> latent_shifts;
  std::vector<Layer> layers;
  std::vector<std::int8_t> output_shifts;
  std::vector<std::int32_t> thresholds;

  IntegerContextModel model(InstructionSet set) const {
    IntegerContextModel::Weights weights{context, size, channels, widths[0], latent_shifts, {}, output_shifts,
                                         thresholds};
    for (std::size_t i = 0; i < layers.size(); ++i) {
      weights.layers.push_back({layers[i].kernel, layers[i].bias, layers[i].shifts, widths[i], widths[i + 1]});
    }
    return {weights, set};
  }
};

Network make_network(Random& random) {
  Network network;
  network.size = 2 * size_between(random, 1, 3) + 1;
  network.channels = size_between(random, 1, random() % 4 == 0 ? 40 : 5);
  const std::size_t layers = random() % 4;
  for (std::size_t i = 0; i < layers; ++i) network.widths.push_back(size_between(random, 1, random() % 3 == 0 ? 130 : 20));
  network.widths.push_back(2 * network.channels);
  const std::int64_t most = random() % 2 == 0 ? 127 : 9;
  const std::size_t taps = network.size * network.size;
  network.context = uniform<std::int8_t>(random, taps * network.channels * network.widths[0], -most - 1, most);
  const std::int64_t shift = random() % 3 == 0 ? 30 : 10;
  network.latent_shifts = uniform<std::uint8_t>(random, network.channels, 0, shift);
  std::int64_t bound = kMostSide + (std::int64_t{1} << 29);
  for (std::size_t i = 0; i < layers; ++i) {
    const std::size_t inputs = network.widths[i];
    const std::size_t outputs = network.widths[i + 1];
    // The bias has what the kernel may leave of 2^30.
    const std::int64_t kernel = static_cast<std::int64_t>(inputs) * (most + 1) * 247;
    const std::int64_t bias = random() % 2 == 0 ? (std::int64_t{1} << 30) - kernel : 9000;
    network.layers.push_back({uniform<std::int8_t>(random, inputs * outputs, -most - 1, most),
                              uniform<std::int32_t>(random, outputs, -bias, bias),
                              uniform<std::uint8_t>(random, inputs, 0, shift)});
    bound = kernel + bias;
  }
  std::int64_t least = 0;
  while (least > -16 && bound << (1 - least) < std::int64_t{1} << 31) --least;
  network.output_shifts = uniform<std::int8_t>(random, 2 * network.channels, least, shift);
  const std::int32_t first = static_cast<std::int32_t>(between(random, -2000, 2000));
  network.thresholds = {first, first + static_cast<std::int32_t>(between(random, 1, 2000))};
  if (random() % 9 == 0) network.thresholds = {std::numeric_limits<std::int32_t>::min(), 0};
  return network;
}

struct Pictures {
  std::vector<Values> ys;
  std::vector<std::vector<std::int32_t>> values;
  std::vector<std::span<const float>> latents;
  std::vector<IntegerSide> sides;
};

Pictures make_pictures(Random& random, const Network& network) {
  Pictures pictures;
  for (std::size_t count = random() % 4; count-- > 0;) {
    const std::size_t height = size_between(random, 0, 9);
    const std::size_t width = random() % 20 == 0 ? 70 : size_between(random, 0, 9);
    std::normal_distribution<float> distribution(0, random() % 9 == 0 ? 1e6F : 2.0F);
    Values& y = pictures.ys.emplace_back(height * width * network.channels);
    constexpr float bound = kMostInput;
    for (float& value : y) value = random() % 200 == 0 ? bound : std::clamp(distribution(random), -bound, bound);
    const std::int64_t most = random() % 2 == 0 ? kMostSide : 20000;
    pictures.values.push_back(uniform<std::int32_t>(random, height * width * network.widths[0], -most, most));
    pictures.latents.emplace_back(pictures.ys.back());
    pictures.sides.push_back({height, width, pictures.values.back()});
  }
  return pictures;
}

// The latents, or nothing for a StreamError.
std::optional<std::vector<Values>> decode(const IntegerContextModel& model, const std::vector<Bytes>& streams,
                                          const Pictures& pictures, const CdfTables& tables, Order order,
                                          std::size_t threads) {
  std::vector<Values> latents;
  for (const Values& y : pictures.ys) latents.emplace_back(y.size());
  const std::vector<std::span<const std::uint8_t>> inputs(streams.begin(), streams.end());
  const std::vector<std::span<float>> outputs(latents.begin(), latents.end());
  try {
    decode_latents(model, inputs, pictures.sides, tables, order, threads, outputs);
  } catch (const StreamError&) {
    return std::nullopt;
  }
  return latents;
}

void damage(Random& random, std::vector<Bytes>& streams) {
  Bytes& stream = streams[random() % streams.size()];
  switch (random() % 4) {
    case 0: stream.resize(random() % (stream.size() + 1)); break;
    case 1: stream[random() % stream.size()] ^= static_cast<std::uint8_t>(1U << random() % 8); break;
    case 2: stream.insert(stream.end(), 4, 0); break;
    default: std::ranges::generate(stream, [&] { return static_cast<std::uint8_t>(random()); });
  }
  if (stream.size() >= 8) stream[7] &= 127;
  stream.shrink_to_fit();
}

void check_round_trip(Random& random, const Network& network, const CdfTables& tables) {
  const Pictures pictures = make_pictures(random, network);
  const Order order = random() % 2 == 0 ? Order::kRaster : Order::kWavefront;
  std::vector<Bytes> streams;
  std::vector<Values> latents;
  bool first = true;
  for (const InstructionSet set : instruction_sets(Kernel::kMatrixI8)) {
    const IntegerContextModel model = network.model(set);
    const std::size_t threads = size_between(random, 1, 4);
    const auto found = encode_latents(model, pictures.latents, pictures.sides, tables, order, threads);
    const auto decoded = decode(model, found, pictures, tables, order, size_between(random, 1, 4));
    require(decoded.has_value(), "what is encoded decodes");
    require(first || found == streams, "all instruction sets write the same streams");
    require(first || *decoded == latents, "all instruction sets decode the same latents");
    streams = found;
    latents = *decoded;
    first = false;
  }
  const IntegerContextModel model = network.model(instruction_sets(Kernel::kMatrixI8).front());
  for (std::size_t i = 0; i < latents.size(); ++i) {
    std::vector<std::uint8_t> indexes(latents[i].size());
    std::vector<std::int32_t> means(latents[i].size());
    predict(model, latents[i], pictures.sides[i], size_between(random, 1, 3), indexes, means);
    for (std::size_t k = 0; k < latents[i].size(); ++k) {
      const float mean = static_cast<float>(means[k]) / kUnit;
      const float symbol = std::nearbyint(pictures.ys[i][k] - mean);
      require(latents[i][k] == symbol + mean, "latents are as predicted");
      require(indexes[k] < kTables, "there is a table for each index");
    }
  }
  if (streams.empty()) return;
  damage(random, streams);
  decode(model, streams, pictures, tables, order, size_between(random, 1, 3));
}

template <typename Action>
void require_invalid(const char* what, const Action& action) {
  try {
    action();
    require(false, what);
  } catch (const std::invalid_argument&) {
  }
}

void check_errors(Random& random, Network network, const CdfTables& tables) {
  const IntegerContextModel model = network.model(instruction_sets(Kernel::kMatrixI8).front());
  Pictures pictures = make_pictures(random, network);
  const auto encode = [&] {
    encode_latents(model, pictures.latents, pictures.sides, tables, Order::kRaster, size_between(random, 1, 3));
  };
  const auto filled = std::ranges::find_if(pictures.ys, [](const Values& y) { return !y.empty(); });
  if (filled != pictures.ys.end()) {
    const auto i = static_cast<std::size_t>(filled - pictures.ys.begin());
    float& value = (*filled)[random() % filled->size()];
    const float before = value;
    value = random() % 2 == 0 ? 1.001F * kMostInput : NAN;
    require_invalid("a latent beyond its bound", encode);
    value = before;
    auto& side = pictures.values[i];
    side[random() % side.size()] = random() % 2 == 0 ? kMostSide + 1 : std::numeric_limits<std::int32_t>::min();
    require_invalid("side information that is too large", encode);
    pictures.sides[i].values = pictures.sides[i].values.subspan(1);
    require_invalid("too little side information", encode);
    pictures.latents[i] = pictures.latents[i].subspan(1);
    require_invalid("too short a latent", encode);
  }
  switch (random() % 6) {
    case 0: network.context.pop_back(); break;
    case 1: network.latent_shifts.front() = 31; break;
    case 2: network.output_shifts.back() = -17; break;
    case 3: network.thresholds.push_back(network.thresholds.back()); break;
    case 4: ++network.channels; break;
    default:
      if (network.layers.empty()) return;
      network.layers.back().bias.front() = std::numeric_limits<std::int32_t>::min();
  }
  require_invalid("weights that do not fit", [&] { network.model(InstructionSet::kPortable); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CASES SEED\n", argv[0]);
    return 2;
  }
  const std::uint64_t cases = std::strtoull(argv[1], nullptr, 10);
  Random random(std::strtoull(argv[2], nullptr, 10));
  const CdfTables tables = make_tables();
  for (std::uint64_t i = 0; i < cases; ++i) {
    const Network network = make_network(random);
    random() % 4 == 0 ? check_errors(random, network, tables) : check_round_trip(random, network, tables);
  }
  std::string names;
  for (const InstructionSet set : instruction_sets(Kernel::kMatrixI8)) names += concat(" ", to_string(set));
  std::printf("%llu cases passed by%s\n", static_cast<unsigned long long>(cases), names.c_str());
}
