// Evaluates a ContextModel at some positions of some pictures at a time, by a team of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "evaluator.hpp"
#include "jaxcompress/autoregressive.hpp"
#include "jaxcompress/context_model.hpp"
#include "jaxcompress/team.hpp"
#include "steps.hpp"

namespace jaxcompress {

// A decoded latent inside a margin of zeros, and the sums over what is known of its positions in advance.
class Grid {
 public:
  Grid(const ContextModel& model, const SideInformation& side);

  std::size_t height() const { return height_; }
  std::size_t width() const { return width_; }
  const float* side(std::size_t row, std::size_t column) const {
    return side_ + (row * width_ + column) * side_channels_;
  }
  float* latent(std::size_t row, std::size_t column) {
    return latent_.data() + ((row + reach_) * stride_ + column + reach_) * channels_;
  }
  // What a tap of the context kernel sees from a position.
  const float* seen(const Position& position, std::size_t kernel_row, std::size_t kernel_column) const {
    return latent_.data() + ((position.row + kernel_row) * stride_ + position.column + kernel_column) * channels_;
  }
  // Sums of the context.
  float* context_sums(std::size_t row, std::size_t column) {
    return context_sums_.data() + (row * width_ + column) * context_size_;
  }
  // Sums of the first layer.
  float* first_sums(std::size_t row, std::size_t column) {
    return first_sums_.data() + (row * width_ + column) * first_size_;
  }

 private:
  std::size_t height_;
  std::size_t width_;
  std::size_t channels_;
  std::size_t side_channels_;
  std::size_t reach_;
  std::size_t stride_;
  std::size_t context_size_;
  std::size_t first_size_;
  const float* side_;
  Floats latent_;
  Floats context_sums_;
  Floats first_sums_;
};

// What the threads of an evaluation share. Keeps references. Its stages are the context and the layers.
class Evaluation {
 public:
  using Input = float;
  using Sum = float;

  // `order` is that of the steps.
  Evaluation(const ContextModel& network, std::span<const SideInformation> sides, Order order);

  std::size_t stages() const { return model.layers().size() + 1; }
  const Matrix& matrix(std::size_t stage) const { return layer(stage).matrix; }
  // The first layer's sums have its side information before.
  Range rows(std::size_t stage) const { return {stage == 1 ? model.side_channels() : 0, matrix(stage).inputs()}; }
  std::size_t tap_rows() const { return model.channels(); }

  const float* seen(const Position& position, std::size_t kernel_row, std::size_t kernel_column) const {
    return grids[position.picture].seen(position, kernel_row, kernel_column);
  }
  const float* inputs(std::size_t stage, std::size_t i, const Position& position) {
    return sums(stage - 1, i, position);
  }
  float* sums(std::size_t stage, std::size_t i, const Position& position);
  void start_sums(std::size_t stage, std::size_t i, const Position& position, Range outputs);
  // In place.
  void activate(std::size_t stage, std::size_t i, const Position& position, Range outputs);

  void find_indexes(const float* outputs, Range channels, std::uint8_t* indexes) const;
  void encode(const Position& position, Range channels, std::span<const float> y, const float* outputs,
              std::span<std::int32_t> symbols);
  void decode(const Position& position, std::span<const std::int32_t> symbols, const float* outputs,
              std::span<float> y_hat);

  const ContextModel& model;
  Steps steps;
  std::vector<Grid> grids;

 private:
  const ContextModel::Layer& layer(std::size_t stage) const {
    return stage == 0 ? model.context() : model.layers()[stage - 1];
  }

  // Of the layers after the first: a row of sums for each position of a step.
  std::vector<Floats> hidden_;
};

class Evaluator : public BasicEvaluator<Evaluation> {
 public:
  using BasicEvaluator::BasicEvaluator;

  // Computes what follows from side information alone. To be called first.
  void start(Team& team, std::size_t rank);
};

}  // namespace jaxcompress
