#include "jaxcompress/autoregressive.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>

#include "evaluation.hpp"
#include "jaxcompress/errors.hpp"
#include "latents.hpp"

namespace jaxcompress {

void check(const ContextModel& model, std::span<const SideInformation> sides, std::size_t threads) {
  if (threads < 1) throw std::invalid_argument("threads is 0, expected at least 1");
  for (std::size_t i = 0; i < sides.size(); ++i) {
    const SideInformation& side = sides[i];
    check_size(side, i, model.side_channels());
    bool finite = true;
    constexpr std::uint32_t exponent = 0x7f800000;
    for (const float value : side.values) finite &= (std::bit_cast<std::uint32_t>(value) & exponent) != exponent;
    if (!finite) {
      throw std::invalid_argument(concat("the side information of picture ", i,
                                         " is not finite: the stream of z or the weights are not sound"));
    }
  }
}

void check(const ContextModel& model, const CdfTables& tables) {
  if (tables.size() != model.tables()) {
    throw std::invalid_argument(concat("there are ", tables.size(), " tables but the model's scale_table has ",
                                       model.tables(), " entries; give one table for each"));
  }
}

void add_means(const Position& position, std::span<const std::int32_t> symbols, const float* means, float* y_hat) {
  bool finite = true;
  for (std::size_t c = 0; c < symbols.size(); ++c) {
    y_hat[c] = static_cast<float>(symbols[c]) + means[c];
    finite &= std::isfinite(y_hat[c]);
  }
  if (!finite) {
    throw StreamError(concat("the latent at row ", position.row, ", column ", position.column,
                             " is not finite; the stream is damaged, or was not written with this model"));
  }
}

std::vector<std::vector<std::uint8_t>> encode_latents(const ContextModel& model,
                                                      std::span<const std::span<const float>> latents,
                                                      std::span<const SideInformation> sides,
                                                      const CdfTables& tables, Order order, std::size_t threads) {
  check(model, sides, threads);
  check(model, tables);
  check_count("latents", latents.size(), sides.size());
  for (std::size_t i = 0; i < sides.size(); ++i) check_latent(model, sides[i], latents[i].size());

  // All of y is there, so whatever the order of the stream this is the order to compute in.
  Evaluation evaluation(model, sides, Order::kWavefront);
  return encode_with<Evaluator>(evaluation, latents, sides, tables, order, threads);
}

void decode_latents(const ContextModel& model, std::span<const std::span<const std::uint8_t>> streams,
                    std::span<const SideInformation> sides, const CdfTables& tables, Order order, std::size_t threads,
                    std::span<const std::span<float>> latents) {
  check(model, sides, threads);
  check(model, tables);
  check_count("streams", streams.size(), sides.size());
  check_count("latents", latents.size(), sides.size());
  for (std::size_t i = 0; i < sides.size(); ++i) check_latent(model, sides[i], latents[i].size());

  Evaluation evaluation(model, sides, order);
  decode_with<Evaluator>(evaluation, streams, sides, tables, threads, latents);
}

void predict(const ContextModel& model, std::span<const float> latent, const SideInformation& side,
             std::size_t threads, std::span<float> scales, std::span<float> means) {
  check(model, {&side, 1}, threads);
  for (const std::size_t size : {latent.size(), scales.size(), means.size()}) check_latent(model, side, size);
  const std::size_t channels = model.channels();
  Evaluation evaluation(model, {&side, 1}, Order::kWavefront);
  const std::size_t size = side.width * channels;
  for (std::size_t row = 0; row < side.height && size > 0; ++row) {
    std::copy_n(latent.data() + row * size, size, evaluation.grids[0].latent(row, 0));
  }
  run<Evaluator>(evaluation, threads, [&](Evaluator& evaluator, Team&, std::size_t) {
    const Range own_scales = scales_of(evaluator.share(), channels);
    const Range own_means = means_of(evaluator.share(), channels);
    for (std::size_t i = 0; i < evaluator.positions().size(); ++i) {
      const auto [picture, row, column] = evaluator.positions()[i];
      const std::size_t first = (row * side.width + column) * channels;
      const float* outputs = evaluator.outputs(i);
      std::copy(outputs + own_scales.begin, outputs + own_scales.end, scales.data() + first + own_scales.begin);
      outputs += channels;
      std::copy(outputs + own_means.begin, outputs + own_means.end, means.data() + first + own_means.begin);
    }
  });
}

}  // namespace jaxcompress
