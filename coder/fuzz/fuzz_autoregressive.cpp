// Drives autoregressive coding with random networks, pictures and streams; meant to be compiled with sanitizers.
//
//   g++ -std=c++20 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I coder/include
//       coder/fuzz/fuzz_autoregressive.cpp coder/src/*.cpp -o fuzz_autoregressive
//   ./fuzz_autoregressive CASES SEED
//
// Exits with 0 if every case gave what it had to: equal bits in every way to run it, or a documented error.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <vector>

#include "jaxcompress/autoregressive.hpp"
#include "jaxcompress/context_model.hpp"
#include "jaxcompress/errors.hpp"
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

std::size_t between(Random& random, std::size_t low, std::size_t high) { return low + random() % (high - low + 1); }

// The exact allocation lets the address sanitizer see the first value read too many.
Values normal(Random& random, std::size_t size, double deviation) {
  std::normal_distribution<double> distribution(0, deviation);
  Values values(size);
  for (float& value : values) value = static_cast<float>(distribution(random));
  return values;
}

constexpr std::size_t kTables = 3;

CdfTables make_tables() {
  const std::vector<std::int32_t> cdf = {0, 900, 64000, 65000, 65536, 0,     0,     0,
                                         0, 9000, 20000, 40000, 52000, 65000, 65536, 0,
                                         0, 9000, 18000, 27000, 36000, 45000, 54000, 65536};
  return {cdf, kTables, 8, std::vector<std::int32_t>{5, 7, 8}, std::vector<std::int32_t>{-1, -2, -3}};
}

struct Network {
  std::size_t size;
  std::size_t channels;
  std::size_t side_channels;
  std::vector<Values> values;
  std::vector<ContextModel::Weights> weights;  // the context's, then those of the layers

  ContextModel model(InstructionSet set) const {
    const Values scales = {0.3F, 1, 3};
    return {size, weights.front(), std::span(weights).subspan(1), scales, 0.01F, set};
  }
};

Network make_network(Random& random) {
  Network network;
  network.size = 2 * between(random, 1, 3) + 1;
  network.channels = between(random, 1, random() % 4 == 0 ? 40 : 5);
  network.side_channels = between(random, 0, 9);
  const std::size_t context = between(random, 1, 40);
  const auto add = [&](std::size_t inputs, std::size_t outputs) {
    const double deviation = 1 / std::sqrt(static_cast<double>(inputs));
    const Values& kernel = network.values.emplace_back(normal(random, inputs * outputs, deviation));
    const Values& bias = network.values.emplace_back(normal(random, outputs, 0.5));
    network.weights.push_back({kernel, bias, inputs, outputs});
  };
  network.values.reserve(12);
  add(network.size * network.size * network.channels, context);
  std::size_t inputs = network.side_channels + context;
  for (std::size_t hidden = random() % 4; hidden-- > 0;) {
    const std::size_t outputs = between(random, 1, random() % 3 == 0 ? 130 : 20);
    add(inputs, outputs);
    inputs = outputs;
  }
  add(inputs, 2 * network.channels);
  return network;
}

struct Pictures {
  std::vector<Values> ys;
  std::vector<Values> hypers;
  std::vector<std::span<const float>> latents;
  std::vector<SideInformation> sides;
};

Pictures make_pictures(Random& random, const Network& network) {
  Pictures pictures;
  for (std::size_t count = random() % 4; count-- > 0;) {
    const std::size_t height = between(random, 0, 9);
    const std::size_t width = random() % 20 == 0 ? 70 : between(random, 0, 9);
    pictures.ys.push_back(normal(random, height * width * network.channels, random() % 9 == 0 ? 1e6 : 2));
    pictures.hypers.push_back(normal(random, height * width * network.side_channels, 1));
    pictures.latents.emplace_back(pictures.ys.back());
    pictures.sides.push_back({height, width, pictures.hypers.back()});
  }
  return pictures;
}

// The latents, or nothing for a StreamError.
std::optional<std::vector<Values>> decode(const ContextModel& model, const std::vector<Bytes>& streams,
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
  for (const InstructionSet set : instruction_sets(Kernel::kMatrixF32)) {
    const ContextModel model = network.model(set);
    const std::size_t threads = between(random, 1, 4);
    const auto found = encode_latents(model, pictures.latents, pictures.sides, tables, order, threads);
    const auto decoded = decode(model, found, pictures, tables, order, between(random, 1, 4));
    require(decoded.has_value(), "what is encoded decodes");
    require(first || found == streams, "all instruction sets write the same streams");
    require(first || *decoded == latents, "all instruction sets decode the same latents");
    streams = found;
    latents = *decoded;
    first = false;
  }
  const ContextModel model = network.model(instruction_sets(Kernel::kMatrixF32).front());
  for (std::size_t i = 0; i < latents.size(); ++i) {
    Values scales(latents[i].size()), means(latents[i].size());
    predict(model, latents[i], pictures.sides[i], between(random, 1, 3), scales, means);
    for (std::size_t k = 0; k < latents[i].size(); ++k) {
      require(latents[i][k] == std::nearbyint(pictures.ys[i][k] - means[k]) + means[k], "latents are as predicted");
    }
  }
  if (streams.empty()) return;
  damage(random, streams);
  decode(model, streams, pictures, tables, order, between(random, 1, 3));
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
  const ContextModel model = network.model(instruction_sets(Kernel::kMatrixF32).front());
  Pictures pictures = make_pictures(random, network);
  const auto encode = [&] {
    encode_latents(model, pictures.latents, pictures.sides, tables, Order::kRaster, between(random, 1, 3));
  };
  const auto filled = std::ranges::find_if(pictures.ys, [](const Values& y) { return !y.empty(); });
  if (filled != pictures.ys.end()) {
    const auto i = static_cast<std::size_t>(filled - pictures.ys.begin());
    float& value = (*filled)[random() % filled->size()];
    const float before = value;
    value = random() % 2 == 0 ? INFINITY : NAN;
    require_invalid("a latent that is not finite", encode);
    value = before;
    Values& hyper = pictures.hypers[i];
    if (!hyper.empty()) {
      hyper[random() % hyper.size()] = random() % 2 == 0 ? INFINITY : NAN;
      require_invalid("side information that is not finite", encode);
      pictures.sides[i].values = pictures.sides[i].values.subspan(1);
      require_invalid("too little side information", encode);
      pictures.sides[i].values = {hyper.data(), hyper.size()};
    }
    pictures.latents[i] = pictures.latents[i].subspan(1);
    require_invalid("too short a latent", encode);
  }
  ContextModel::Weights& weights = network.weights[random() % network.weights.size()];
  switch (random() % 4) {
    case 0: weights.kernel = weights.kernel.subspan(1); break;
    case 1: weights.bias = weights.bias.subspan(1); break;
    case 2: ++weights.inputs; break;
    default: ++weights.outputs;
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
  std::printf("%llu cases passed\n", static_cast<unsigned long long>(cases));
}
