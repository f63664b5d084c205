// One thread's part in the evaluation of a network at some positions of some pictures at a time.
//
// The network has stages: the masked convolution is number 0, and each layer after it takes what the stage before
// gives. What the numbers are and where they are kept is for the template's Evaluation to say, which all threads
// share. It has
//   model, steps            the network, and what is computed together
//   stages()                how many
//   matrix(stage)           with accumulate(set, rows, panels, inputs, sums), panels(), outputs()
//   rows(stage)             those to multiply with, at a stage after the first
//   tap_rows()              rows of the first stage's matrix for one tap
//   Input, Sum              types
//   seen(position, kernel_row, kernel_column)    inputs of the first stage
//   inputs(stage, i, position), sums(stage, i, position)   where position is number i of its step
//   start_sums(stage, i, position, outputs)      writes what sums begin with, for a range of outputs
//   activate(stage, i, position, outputs)        makes inputs of the sums, for a range of outputs
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "jaxcompress/packed.hpp"
#include "jaxcompress/team.hpp"
#include "steps.hpp"

namespace jaxcompress {

// A share of the outputs of every stage. All threads make the same calls.
template <typename Evaluation>
class BasicEvaluator {
 public:
  using Input = typename Evaluation::Input;
  using Sum = typename Evaluation::Sum;

  explicit BasicEvaluator(Evaluation& shared) : shared_(shared) {
    positions_.reserve(shared.steps.most());
    inputs_.reserve(std::max(shared.steps.most(), kChunk));
    sums_.reserve(std::max(shared.steps.most(), kChunk));
  }

  // To be called first.
  void start(Team& team, std::size_t rank) {
    team_ = &team;
    rank_ = rank;
  }

  // Computes this thread's share of the outputs at the positions of a step. The team has to wait after it before
  // it changes a latent, and once more before the next step.
  void evaluate(std::size_t step) {
    shared_.steps.list_begun(step, begun_);
    begin_context(begun_);
    shared_.steps.list(step, positions_);
    evaluate_positions();
  }

  // Does so at any positions that do not see each other, and whose context has been begun.
  void evaluate(std::span<const Position> positions) {
    positions_.assign(positions.begin(), positions.end());
    evaluate_positions();
  }

  // Computes the sums over the first taps of the context at any positions that have nothing to come there.
  void begin_context(std::span<const Position> positions) {
    for (std::size_t first = 0; first < positions.size(); first += kChunk) {
      const auto chunk = positions.subspan(first, std::min(kChunk, positions.size() - first));
      start_sums(0, chunk);
      accumulate_taps(chunk, {0, shared_.steps.first_taps()});
    }
  }

  // Of the last step.
  std::span<const Position> positions() const { return positions_; }
  // Outputs at positions()[i]: scales, then means.
  const Sum* outputs(std::size_t i) { return shared_.sums(shared_.stages() - 1, i, positions_[i]); }
  // The outputs that this thread has computed.
  Range share() const { return outputs_of(shared_.matrix(shared_.stages() - 1)); }

 protected:
  // The most positions whose sums over what is known in advance are computed together.
  static constexpr std::size_t kChunk = 64;

  // A thread has the same panels of a matrix in every step, so that it finds the sums that it began.
  template <typename Matrix>
  Range panels_of(const Matrix& matrix) const {
    const std::size_t count = matrix.panels();
    return {count * rank_ / team_->size(), count * (rank_ + 1) / team_->size()};
  }

  template <typename Matrix>
  Range outputs_of(const Matrix& matrix) const {
    const Range panels = panels_of(matrix);
    const std::size_t count = matrix.outputs();
    return {std::min(panels.begin * kPanel, count), std::min(panels.end * kPanel, count)};
  }

  // Adds the products of `inputs_` to `sums_`.
  void accumulate(std::size_t stage, Range rows) {
    const auto& matrix = shared_.matrix(stage);
    matrix.accumulate(shared_.model.instruction_set(), rows, panels_of(matrix), inputs_, sums_);
  }

  Evaluation& shared_;
  // Of the product that is being computed.
  std::vector<const Input*> inputs_;
  std::vector<Sum*> sums_;

 private:
  void evaluate_positions() {
    accumulate_taps(positions_, {shared_.steps.first_taps(), shared_.model.taps()});
    for (std::size_t stage = 1; stage < shared_.stages(); ++stage) {
      const Range outputs = outputs_of(shared_.matrix(stage - 1));
      for (std::size_t i = 0; i < positions_.size(); ++i) shared_.activate(stage - 1, i, positions_[i], outputs);
      team_->wait();
      evaluate_stage(stage);
    }
  }

  void start_sums(std::size_t stage, std::span<const Position> positions) {
    const Range outputs = outputs_of(shared_.matrix(stage));
    for (std::size_t i = 0; i < positions.size(); ++i) shared_.start_sums(stage, i, positions[i], outputs);
  }

  void list_sums(std::size_t stage, std::span<const Position> positions) {
    sums_.clear();
    for (std::size_t i = 0; i < positions.size(); ++i) sums_.push_back(shared_.sums(stage, i, positions[i]));
  }

  void accumulate_taps(std::span<const Position> positions, Range taps) {
    const std::size_t size = shared_.model.size();
    list_sums(0, positions);
    while (taps.begin < taps.end) {
      const std::size_t kernel_row = taps.begin / size;
      const std::size_t kernel_column = taps.begin % size;
      const std::size_t count = std::min(size - kernel_column, taps.end - taps.begin);
      inputs_.clear();
      for (const Position& position : positions) {
        inputs_.push_back(shared_.seen(position, kernel_row, kernel_column));
      }
      accumulate(0, {taps.begin * shared_.tap_rows(), (taps.begin + count) * shared_.tap_rows()});
      taps.begin += count;
    }
  }

  void evaluate_stage(std::size_t stage) {
    start_sums(stage, positions_);
    list_sums(stage, positions_);
    inputs_.clear();
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      inputs_.push_back(shared_.inputs(stage, i, positions_[i]));
    }
    accumulate(stage, shared_.rows(stage));
  }

  Team* team_ = nullptr;
  std::size_t rank_ = 0;
  std::vector<Position> positions_;
  // Whose context is begun in this step.
  std::vector<Position> begun_;
};

}  // namespace jaxcompress
