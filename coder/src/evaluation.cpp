#include "evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "jaxcompress/errors.hpp"
#include "latents.hpp"

namespace jaxcompress {
namespace {

// Residuals stay below this, which the coder's escapes can reach for any table of a sound model.
constexpr float kResidualEnd = 1 << 27;

[[noreturn]] void throw_not_codable(const Position& position, std::size_t channel, float y, float mean) {
  throw std::invalid_argument(concat("the latent at row ", position.row, ", column ", position.column, ", channel ",
                                     channel, " of picture ", position.picture, " is ", y, " and its mean ", mean,
                                     ": beyond the +-2^27 that can be coded; the input or the weights are not sound"));
}

}  // namespace

Grid::Grid(const ContextModel& model, const SideInformation& side)
    : height_(side.height),
      width_(side.width),
      channels_(model.channels()),
      side_channels_(model.side_channels()),
      reach_(model.reach()),
      stride_(width_ + 2 * reach_),
      context_size_(model.context().matrix.width()),
      first_size_(model.layers().front().matrix.width()),
      side_(side.values.data()) {
  if (height_ == 0 || width_ == 0) return;
  latent_ = Floats((height_ + reach_) * stride_ * channels_);
  context_sums_ = Floats(height_ * width_ * context_size_);
  first_sums_ = Floats(height_ * width_ * first_size_);
}

Evaluation::Evaluation(const ContextModel& network, std::span<const SideInformation> sides, Order order)
    : model(network), steps(model, sides, order) {
  for (const SideInformation& side : sides) grids.emplace_back(model, side);
  for (std::size_t i = 1; i < model.layers().size(); ++i) {
    hidden_.emplace_back(steps.most() * model.layers()[i].matrix.width());
  }
}

float* Evaluation::sums(std::size_t stage, std::size_t i, const Position& position) {
  if (stage == 0) return grids[position.picture].context_sums(position.row, position.column);
  if (stage == 1) return grids[position.picture].first_sums(position.row, position.column);
  return hidden_[stage - 2].data() + i * matrix(stage).width();
}

void Evaluation::start_sums(std::size_t stage, std::size_t i, const Position& position, Range outputs) {
  if (stage == 1) return;
  const float* bias = layer(stage).bias.data();
  std::copy(bias + outputs.begin, bias + outputs.end, sums(stage, i, position) + outputs.begin);
}

void Evaluation::activate(std::size_t stage, std::size_t i, const Position& position, Range outputs) {
  if (stage == 0) return;
  float* values = sums(stage, i, position);
  model.activate({values + outputs.begin, values + outputs.end});
}

void Evaluation::find_indexes(const float* outputs, Range channels, std::uint8_t* indexes) const {
  const std::size_t count = channels.end - channels.begin;
  model.find_indexes({outputs + channels.begin, count}, {indexes + channels.begin, count});
}

void Evaluation::encode(const Position& position, Range channels, std::span<const float> y, const float* outputs,
                        std::span<std::int32_t> symbols) {
  const float* means = outputs + model.channels();
  float* y_hat = grids[position.picture].latent(position.row, position.column);
  for (std::size_t c = channels.begin; c < channels.end; ++c) {
    const float residual = y[c] - means[c];
    // As NaN does.
    if (!(std::abs(residual) < kResidualEnd)) throw_not_codable(position, c, y[c], means[c]);
    symbols[c] = static_cast<std::int32_t>(round_half_even(residual));
    // What a decoder does: from the symbol, which unlike the rounded residual has no negative zero.
    y_hat[c] = static_cast<float>(symbols[c]) + means[c];
  }
}

void Evaluation::decode(const Position& position, std::span<const std::int32_t> symbols, const float* outputs,
                        std::span<float> y_hat) {
  float* latent = grids[position.picture].latent(position.row, position.column);
  add_means(position, symbols, outputs + model.channels(), latent);
  std::copy_n(latent, model.channels(), y_hat.data());
}

void Evaluator::start(Team& team, std::size_t rank) {
  BasicEvaluator::start(team, rank);
  const ContextModel::Layer& first = shared_.model.layers().front();
  const Range outputs = outputs_of(first.matrix);
  const float* bias = first.bias.data();
  for (Grid& grid : shared_.grids) {
    for (std::size_t row = 0; row < grid.height(); ++row) {
      for (std::size_t chunk = 0; chunk < grid.width(); chunk += kChunk) {
        inputs_.clear();
        sums_.clear();
        for (std::size_t column = chunk; column < std::min(chunk + kChunk, grid.width()); ++column) {
          inputs_.push_back(grid.side(row, column));
          sums_.push_back(grid.first_sums(row, column));
          std::copy(bias + outputs.begin, bias + outputs.end, sums_.back() + outputs.begin);
        }
        accumulate(1, {0, shared_.model.side_channels()});
      }
    }
  }
}

}  // namespace jaxcompress
