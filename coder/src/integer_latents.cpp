#include "jaxcompress/integer_latents.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "integer_evaluation.hpp"
#include "jaxcompress/errors.hpp"
#include "latent_loops.hpp"

namespace jaxcompress {
namespace {

void check(const IntegerContextModel& model, std::span<const IntegerSide> sides, std::size_t threads) {
  if (threads < 1) throw std::invalid_argument("threads is 0, expected at least 1");
  for (std::size_t i = 0; i < sides.size(); ++i) {
    check_size(sides[i], i, model.side_channels());
    const auto bad = std::ranges::find_if(
        sides[i].values, [](std::int32_t value) { return value < -kMostSide || value > kMostSide; });
    if (bad != sides[i].values.end()) {
      throw std::invalid_argument(concat("the side information of picture ", i, " has ", *bad, " as its value number ",
                                         bad - sides[i].values.begin(), ", expected at most 2^29 = ", kMostSide,
                                         " in magnitude"));
    }
  }
}

void check(const IntegerContextModel& model, const CdfTables& tables) {
  if (tables.size() != model.tables()) {
    throw std::invalid_argument(concat("there are ", tables.size(), " tables but the model has ",
                                       model.tables() - 1, " thresholds between tables; give ", model.tables(),
                                       " tables"));
  }
}

// The values of a position in 64ths.
void count_units(const Position& position, std::span<const float> y_hat, std::span<std::int32_t> latent) {
  for (std::size_t c = 0; c < y_hat.size(); ++c) {
    const float units = y_hat[c] * kUnit;
    // As NaN does.
    if (!(std::abs(units) <= kMostLatent) || units != std::trunc(units)) {
      throw std::invalid_argument(concat("y_hat at row ", position.row, ", column ", position.column, ", channel ", c,
                                         " is ", y_hat[c], ", expected a multiple of 1/64 of at most ",
                                         kMostLatent / kUnit, " in magnitude, as decoding gives"));
    }
    latent[c] = static_cast<std::int32_t>(units);
  }
}

}  // namespace

std::vector<std::vector<std::uint8_t>> encode_latents(const IntegerContextModel& model,
                                                      std::span<const std::span<const float>> latents,
                                                      std::span<const IntegerSide> sides, const CdfTables& tables,
                                                      Order order, std::size_t threads) {
  check(model, sides, threads);
  check(model, tables);
  check_count("latents", latents.size(), sides.size());
  for (std::size_t i = 0; i < sides.size(); ++i) check_latent(model, sides[i], latents[i].size());

  // All of y is there, so whatever the order of the stream this is the order to compute in.
  IntegerEvaluation evaluation(model, sides, Order::kWavefront);
  return encode_with<IntegerEvaluator>(evaluation, latents, sides, tables, order, threads);
}

void decode_latents(const IntegerContextModel& model, std::span<const std::span<const std::uint8_t>> streams,
                    std::span<const IntegerSide> sides, const CdfTables& tables, Order order, std::size_t threads,
                    std::span<const std::span<float>> latents) {
  check(model, sides, threads);
  check(model, tables);
  check_count("streams", streams.size(), sides.size());
  check_count("latents", latents.size(), sides.size());
  for (std::size_t i = 0; i < sides.size(); ++i) check_latent(model, sides[i], latents[i].size());

  IntegerEvaluation evaluation(model, sides, order);
  decode_with<IntegerEvaluator>(evaluation, streams, sides, tables, threads, latents);
}

void predict(const IntegerContextModel& model, std::span<const float> latent, const IntegerSide& side,
             std::size_t threads, std::span<std::uint8_t> indexes, std::span<std::int32_t> means) {
  check(model, {&side, 1}, threads);
  for (const std::size_t size : {latent.size(), indexes.size(), means.size()}) check_latent(model, side, size);
  const std::size_t channels = model.channels();
  IntegerEvaluation evaluation(model, {&side, 1}, Order::kWavefront);
  std::vector<std::int32_t> units(channels);
  for (std::size_t i = 0; i < side.height * side.width; ++i) {
    const Position position{0, i / side.width, i % side.width};
    count_units(position, latent.subspan(i * channels, channels), units);
    model.see({0, channels}, units.data(), evaluation.grids[0].latent(position));
  }
  run<IntegerEvaluator>(evaluation, threads, [&](IntegerEvaluator& evaluator, Team&, std::size_t) {
    for (std::size_t i = 0; i < evaluator.positions().size(); ++i) {
      const Position& position = evaluator.positions()[i];
      const std::size_t first = (position.row * side.width + position.column) * channels;
      const std::int32_t* outputs = evaluator.outputs(i);
      model.find_indexes(outputs, scales_of(evaluator.share(), channels), indexes.data() + first);
      model.find_means(outputs, means_of(evaluator.share(), channels), means.data() + first);
    }
  });
}

}  // namespace jaxcompress
