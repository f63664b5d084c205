// Evaluates a ContextModel at some positions of some pictures at a time, by a team of threads.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "jaxcompress/autoregressive.hpp"
#include "jaxcompress/context_model.hpp"
#include "jaxcompress/team.hpp"

namespace jaxcompress {

struct Position {
  std::size_t picture;
  std::size_t row;
  std::size_t column;
};

// Splits the positions of pictures into steps: those of a step do not see each other, and see only what is in
// the steps before.
class Steps {
 public:
  Steps(const ContextModel& model, std::span<const SideInformation> sides, Order order);

  Order order() const { return order_; }
  std::size_t count() const { return count_; }
  // The most positions that a step has.
  std::size_t most() const { return most_; }
  // Makes `positions` those of a step, ordered by picture and row.
  void list(std::size_t step, std::vector<Position>& positions) const;
  // Makes `positions` those whose context has its first taps summed before a step, many at a time: the weights of
  // these taps are then fetched once for all of them. In raster order a row's; else those of as many steps as there
  // can be.
  void list_begun(std::size_t step, std::vector<Position>& positions) const;
  // How many taps these are, in the order of the kernel.
  std::size_t first_taps() const;

 private:
  // The rows in which a picture has a position of the step.
  Range rows(std::size_t step, const SideInformation& side) const;

  std::span<const SideInformation> sides_;
  Order order_;
  std::size_t reach_;
  std::size_t slope_;
  std::size_t count_ = 0;
  std::size_t most_ = 0;
};

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
  // What a row of the context kernel sees from a position.
  const float* seen(std::size_t kernel_row, std::size_t row, std::size_t column) const {
    return latent_.data() + ((row + kernel_row) * stride_ + column) * channels_;
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

// What the threads of an evaluation share. Keeps references.
struct Evaluation {
  // `order` is that of the steps.
  Evaluation(const ContextModel& network, std::span<const SideInformation> sides, Order order);

  const ContextModel& model;
  Steps steps;
  std::vector<Grid> grids;
  // Of the layers after the first: a row of sums for each position of a step.
  std::vector<Floats> hidden;
};

// One thread's part in an evaluation: a share of the outputs of every layer. All threads make the same calls.
class Evaluator {
 public:
  explicit Evaluator(Evaluation& shared);

  // Computes what follows from side information alone. To be called first.
  void start(Team& team, std::size_t rank);
  // Computes this thread's share of the outputs at the positions of a step. The team has to wait after it before
  // it changes a latent, and once more before the next step.
  void evaluate(std::size_t step);
  // Does so at any positions that do not see each other, and whose context has been begun.
  void evaluate(std::span<const Position> positions);
  // Computes the sums over the first taps of the context at any positions that have nothing to come there.
  void begin_context(std::span<const Position> positions);

  // Of the last step.
  std::span<const Position> positions() const { return positions_; }
  // Outputs at positions()[i]: scales, then means.
  const float* outputs(std::size_t i) { return sums(shared_.model.layers().size() - 1, i); }
  // The outputs that this thread has computed.
  Range share() const { return outputs_of(shared_.model.layers().back()); }

 private:
  using Layer = ContextModel::Layer;

  Range panels_of(const Layer& layer) const;
  Range outputs_of(const Layer& layer) const;
  float* sums(std::size_t layer, std::size_t i);

  void start_sums(const Layer& layer);
  void accumulate(const Layer& layer, std::size_t first_row, std::size_t rows);
  void list_context_sums(std::span<const Position> positions);
  void accumulate_taps(std::span<const Position> positions, Range taps);
  void evaluate_positions();
  void evaluate_layer(std::size_t index);

  Evaluation& shared_;
  Team* team_ = nullptr;
  std::size_t rank_ = 0;
  std::vector<Position> positions_;
  // Whose context is begun in this step.
  std::vector<Position> begun_;
  // Of the product that is being computed.
  std::vector<const float*> inputs_;
  std::vector<float*> sums_;
};

}  // namespace jaxcompress
