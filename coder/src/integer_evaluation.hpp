// Evaluates an IntegerContextModel at some positions of some pictures at a time, by a team of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "evaluator.hpp"
#include "jaxcompress/integer_latents.hpp"
#include "jaxcompress/integer_model.hpp"
#include "steps.hpp"

namespace jaxcompress {

// What the context sees of a decoded latent, inside a margin of zeros, and the sums over what is known of its
// positions in advance.
class IntegerGrid {
 public:
  IntegerGrid(const IntegerContextModel& model, const IntegerSide& side);

  const std::int32_t* side(const Position& position) const {
    return side_ + (position.row * width_ + position.column) * side_channels_;
  }
  std::uint8_t* latent(const Position& position) {
    return latent_.data() + ((position.row + reach_) * stride_ + position.column + reach_) * tap_bytes_;
  }
  // What a tap of the context kernel sees from a position.
  const std::uint8_t* seen(const Position& position, std::size_t kernel_row, std::size_t kernel_column) const {
    return latent_.data() + ((position.row + kernel_row) * stride_ + position.column + kernel_column) * tap_bytes_;
  }
  std::int32_t* sums(const Position& position) {
    return sums_.data() + (position.row * width_ + position.column) * size_;
  }

 private:
  std::size_t width_;
  std::size_t side_channels_;
  std::size_t reach_;
  std::size_t stride_;
  std::size_t tap_bytes_;
  std::size_t size_;
  const std::int32_t* side_;
  Buffer<std::uint8_t> latent_;
  Buffer<std::int32_t> sums_;
};

// What the threads of an evaluation share. Keeps references. Its stages are those of the model.
class IntegerEvaluation {
 public:
  using Input = std::uint8_t;
  using Sum = std::int32_t;

  // `order` is that of the steps.
  IntegerEvaluation(const IntegerContextModel& network, std::span<const IntegerSide> sides, Order order);

  std::size_t stages() const { return model.stages(); }
  const IntegerMatrix& matrix(std::size_t stage) const { return model.matrix(stage); }
  Range rows(std::size_t stage) const { return {0, matrix(stage).rows()}; }
  std::size_t tap_rows() const { return matrix(0).part_rows(); }

  const std::uint8_t* seen(const Position& position, std::size_t kernel_row, std::size_t kernel_column) const {
    return grids[position.picture].seen(position, kernel_row, kernel_column);
  }
  const std::uint8_t* inputs(std::size_t stage, std::size_t i, const Position&) {
    return hidden_[stage - 1].inputs.data() + i * matrix(stage - 1).width() * model.input_bytes();
  }
  std::int32_t* sums(std::size_t stage, std::size_t i, const Position& position) {
    return stage == 0 ? grids[position.picture].sums(position)
                      : hidden_[stage - 1].sums.data() + i * matrix(stage).width();
  }
  void start_sums(std::size_t stage, std::size_t i, const Position& position, Range outputs);
  void activate(std::size_t stage, std::size_t i, const Position& position, Range outputs);

  void find_indexes(const std::int32_t* outputs, Range channels, std::uint8_t* indexes) const {
    model.find_indexes(outputs, channels, indexes);
  }
  void encode(const Position& position, Range channels, std::span<const float> y, const std::int32_t* outputs,
              std::span<std::int32_t> symbols);
  void decode(const Position& position, std::span<const std::int32_t> symbols, const std::int32_t* outputs,
              std::span<float> y_hat);

  const IntegerContextModel& model;
  Steps steps;
  std::vector<IntegerGrid> grids;

 private:
  // Of a stage after the first: for each position of a step a row of inputs and one of sums.
  struct Hidden {
    Buffer<std::uint8_t> inputs;
    Buffer<std::int32_t> sums;
  };

  std::vector<Hidden> hidden_;
};

using IntegerEvaluator = BasicEvaluator<IntegerEvaluation>;

}  // namespace jaxcompress
