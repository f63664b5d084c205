#include "integer_evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "jaxcompress/errors.hpp"
#include "latent_loops.hpp"

namespace jaxcompress {
namespace {

[[noreturn]] void throw_not_codable(const Position& position, std::size_t channel, float y) {
  throw std::invalid_argument(concat("the latent at row ", position.row, ", column ", position.column, ", channel ",
                                     channel, " of picture ", position.picture, " is ", y,
                                     ", expected at most 2^15 in magnitude; the input or the weights are not sound"));
}

[[noreturn]] void throw_too_large(const Position& position, std::size_t channel, std::int32_t symbol) {
  throw StreamError(concat("the symbol at row ", position.row, ", column ", position.column, ", channel ", channel,
                           " is ", symbol, ", beyond +-2^16; the stream is damaged, or was not written with this model"));
}

}  // namespace

IntegerGrid::IntegerGrid(const IntegerContextModel& model, const IntegerSide& side)
    : width_(side.width),
      side_channels_(model.side_channels()),
      reach_(model.reach()),
      stride_(width_ + 2 * reach_),
      tap_bytes_(model.matrix(0).part_rows() * kWordInputs),
      size_(model.matrix(0).width()),
      side_(side.values.data()) {
  if (side.height == 0 || side.width == 0) return;
  latent_ = Buffer<std::uint8_t>((side.height + reach_) * stride_ * tap_bytes_);
  for (std::size_t i = 0; i < latent_.size(); i += model.input_bytes()) {
    latent_.data()[i] = IntegerContextModel::kContextZero;
  }
  sums_ = Buffer<std::int32_t>(side.height * side.width * size_);
}

IntegerEvaluation::IntegerEvaluation(const IntegerContextModel& network, std::span<const IntegerSide> sides,
                                     Order order)
    : model(network), steps(model, sides, order) {
  for (const IntegerSide& side : sides) grids.emplace_back(model, side);
  for (std::size_t stage = 1; stage < stages(); ++stage) {
    hidden_.push_back({Buffer<std::uint8_t>(steps.most() * matrix(stage - 1).width() * model.input_bytes()),
                       Buffer<std::int32_t>(steps.most() * matrix(stage).width())});
  }
}

void IntegerEvaluation::start_sums(std::size_t stage, std::size_t i, const Position& position, Range outputs) {
  const std::int32_t* start = model.start(stage).data();
  std::int32_t* target = sums(stage, i, position);
  if (stage > 0) {
    std::copy(start + outputs.begin, start + outputs.end, target + outputs.begin);
  } else {
    const std::int32_t* side = grids[position.picture].side(position);
    for (std::size_t o = outputs.begin; o < outputs.end; ++o) target[o] = side[o] + start[o];
  }
}

void IntegerEvaluation::activate(std::size_t stage, std::size_t i, const Position& position, Range outputs) {
  std::uint8_t* target = hidden_[stage].inputs.data() + i * matrix(stage).width() * model.input_bytes();
  model.activate(stage, outputs, sums(stage, i, position), target);
}

void IntegerEvaluation::encode(const Position& position, Range channels, std::span<const float> y,
                               const std::int32_t* outputs, std::span<std::int32_t> symbols) {
  constexpr float most = kMostInput;
  std::vector<std::int32_t> latent(model.channels());
  model.find_means(outputs, channels, latent.data());
  for (std::size_t c = channels.begin; c < channels.end; ++c) {
    if (!(std::abs(y[c]) <= most)) throw_not_codable(position, c, y[c]);
    const float residual = y[c] - static_cast<float>(latent[c]) / kUnit;
    symbols[c] = static_cast<std::int32_t>(round_half_even(residual));
    latent[c] += kUnit * symbols[c];
  }
  model.see(channels, latent.data(), grids[position.picture].latent(position));
}

void IntegerEvaluation::decode(const Position& position, std::span<const std::int32_t> symbols,
                               const std::int32_t* outputs, std::span<float> y_hat) {
  const Range channels{0, model.channels()};
  std::vector<std::int32_t> latent(model.channels());
  model.find_means(outputs, channels, latent.data());
  for (std::size_t c = 0; c < latent.size(); ++c) {
    if (symbols[c] < -kMostSymbol || symbols[c] > kMostSymbol) throw_too_large(position, c, symbols[c]);
    latent[c] += kUnit * symbols[c];
    y_hat[c] = static_cast<float>(latent[c]) / kUnit;
  }
  model.see(channels, latent.data(), grids[position.picture].latent(position));
}

}  // namespace jaxcompress
