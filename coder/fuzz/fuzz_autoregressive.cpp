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
#include <optional>
#include <span>
#include <vector>

#include "cases.hpp"
#include "jaxcompress/autoregressive.hpp"
#include "jaxcompress/context_model.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/tables.hpp"
#include "networks.hpp"

namespace {

using namespace fuzz;
using namespace jaxcompress;

struct Pictures {
  std::vector<Values> ys;
  std::vector<Values> hypers;
  std::vector<std::span<const float>> latents;
  std::vector<SideInformation> sides;
};

Pictures make_pictures(Random& random, const Network& network) {
  Pictures pictures;
  for (std::size_t count = random.below(4); count-- > 0;) {
    const std::size_t height = random.size(0, 9);
    const std::size_t width = random.one_in(20) ? 70 : random.size(0, 9);
    pictures.ys.push_back(normal(random, height * width * network.channels, random.one_in(9) ? 1e6 : 2));
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

void check_round_trip(Random& random, const Network& network, const CdfTables& tables) {
  const Pictures pictures = make_pictures(random, network);
  const Order order = random.one_in(2) ? Order::kRaster : Order::kWavefront;
  std::vector<Bytes> streams;
  std::vector<Values> latents;
  bool first = true;
  for (const InstructionSet set : instruction_sets(Kernel::kMatrixF32)) {
    const ContextModel model = network.model(set);
    const std::size_t threads = random.size(1, 4);
    const auto found = encode_latents(model, pictures.latents, pictures.sides, tables, order, threads);
    const auto decoded = decode(model, found, pictures, tables, order, random.size(1, 4));
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
    predict(model, latents[i], pictures.sides[i], random.size(1, 3), scales, means);
    for (std::size_t k = 0; k < latents[i].size(); ++k) {
      require(latents[i][k] == std::nearbyint(pictures.ys[i][k] - means[k]) + means[k], "latents are as predicted");
    }
  }
  if (streams.empty()) return;
  Bytes& stream = streams[random.below(streams.size())];
  stream = damaged(stream, random);
  stream.shrink_to_fit();
  decode(model, streams, pictures, tables, order, random.size(1, 3));
}

void check_errors(Random& random, Network network, const CdfTables& tables) {
  const ContextModel model = network.model(instruction_sets(Kernel::kMatrixF32).front());
  Pictures pictures = make_pictures(random, network);
  const auto encode = [&] {
    encode_latents(model, pictures.latents, pictures.sides, tables, Order::kRaster, random.size(1, 3));
  };
  const auto filled = std::ranges::find_if(pictures.ys, [](const Values& y) { return !y.empty(); });
  if (filled != pictures.ys.end()) {
    const auto i = static_cast<std::size_t>(filled - pictures.ys.begin());
    float& value = (*filled)[random.below(filled->size())];
    const float before = value;
    value = random.one_in(2) ? INFINITY : NAN;
    require_invalid("a latent that is not finite", encode);
    value = before;
    Values& hyper = pictures.hypers[i];
    if (!hyper.empty()) {
      hyper[random.below(hyper.size())] = random.one_in(2) ? INFINITY : NAN;
      require_invalid("side information that is not finite", encode);
      pictures.sides[i].values = pictures.sides[i].values.subspan(1);
      require_invalid("too little side information", encode);
      pictures.sides[i].values = {hyper.data(), hyper.size()};
    }
    pictures.latents[i] = pictures.latents[i].subspan(1);
    require_invalid("too short a latent", encode);
  }
  ContextModel::Weights& weights = network.weights[random.below(network.weights.size())];
  switch (random.below(4)) {
    case 0: weights.kernel = weights.kernel.subspan(1); break;
    case 1: weights.bias = weights.bias.subspan(1); break;
    case 2: ++weights.inputs; break;
    default: ++weights.outputs;
  }
  require_invalid("weights that do not fit", [&] { network.model(InstructionSet::kPortable); });
}

}  // namespace

int main(int argc, char** argv) {
  const CdfTables tables = three_tables();
  return run(argc, argv, [&](Random& random) {
    const Network drawn = network(random);
    random.one_in(4) ? check_errors(random, drawn, tables) : check_round_trip(random, drawn, tables);
  });
}
