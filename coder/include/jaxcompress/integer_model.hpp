// The integer twin of a ContextModel: what it computes is exact, so it is the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/matrix_i8.hpp"

namespace jaxcompress {

// Latents and means count 64ths.
inline constexpr std::int32_t kUnit = 64;
// The largest magnitudes of side information, of means, and of symbols.
inline constexpr std::int32_t kMostSide = 1 << 29;
inline constexpr std::int32_t kMostMean = 1 << 21;
inline constexpr std::int32_t kMostInput = 1 << 15;  // of latents to encode
inline constexpr std::int32_t kMostSymbol = kMostInput + kMostMean / kUnit;
inline constexpr std::int32_t kMostLatent = kUnit * kMostSymbol + kMostMean;

// A masked convolution over what raster order has decoded already, whose sums begin with side information, then 1x1
// layers, with leaky ReLU before each. Never changes once made, so threads may share it.
//
// The sums of a layer are bounded when it is made, whatever its inputs: those of the convolution by 2^29, which with
// side information gives at most 2^30, and those of other layers by 2^30. So nothing overflows: rounding adds 2^29 at
// most, and partial sums have the same bounds, since inputs count from their least value: each product that is still
// missing is in the sum as if its input were the least.
class IntegerContextModel {
 public:
  // A matrix [inputs, outputs] in C order, a bias for each output, and a shift for each input.
  struct LayerWeights {
    std::span<const std::int8_t> kernel;
    std::span<const std::int32_t> bias;
    std::span<const std::uint8_t> shifts;
    std::size_t inputs;
    std::size_t outputs;
  };
  struct Weights {
    // [size, size, channels, outputs], of which only the taps before the centre are read.
    std::span<const std::int8_t> context_kernel;
    std::size_t size;
    std::size_t channels;
    std::size_t outputs;
    std::span<const std::uint8_t> latent_shifts;
    std::vector<LayerWeights> layers;
    // Of scales and then means.
    std::span<const std::int8_t> output_shifts;
    // Ascending.
    std::span<const std::int32_t> thresholds;
  };

  // Throws std::invalid_argument.
  IntegerContextModel(const Weights& weights, InstructionSet set);

  std::size_t size() const { return size_; }
  std::size_t reach() const { return size_ / 2; }
  // Those before the centre.
  std::size_t taps() const { return size_ * size_ / 2; }
  std::size_t channels() const { return latent_shifts_.size(); }
  std::size_t side_channels() const { return stages_.front().matrix.outputs(); }
  std::size_t tables() const { return thresholds_.size() + 1; }
  InstructionSet instruction_set() const { return set_; }
  // Outputs that one thread computes at a time, of the widest stage.
  std::size_t most_panels() const;

  // The convolution and the layers.
  std::size_t stages() const { return stages_.size(); }
  const IntegerMatrix& matrix(std::size_t stage) const { return stages_[stage].matrix; }
  // What the sums of a stage begin with, beside side information.
  std::span<const std::int32_t> start(std::size_t stage) const { return stages_[stage].start; }
  std::size_t input_bytes() const { return kWordInputs / word_inputs(set_); }
  // Of the context, for zero.
  static constexpr std::uint8_t kContextZero = 128;

  // From the sums of a stage that is not the last to the inputs of the next, in a range of outputs.
  void activate(std::size_t stage, Range outputs, const std::int32_t* sums, std::uint8_t* inputs) const;
  // From decoded channels to inputs of the context.
  void see(Range channels, const std::int32_t* latent, std::uint8_t* inputs) const;
  // From the sums of the last stage to indexes and to means, in a range of channels.
  void find_indexes(const std::int32_t* outputs, Range channels, std::uint8_t* indexes) const;
  void find_means(const std::int32_t* outputs, Range channels, std::int32_t* means) const;

 private:
  struct Stage {
    IntegerMatrix matrix;
    std::vector<std::int32_t> start;
    // Of its outputs.
    std::vector<std::int32_t> shifts;
  };

  std::size_t size_;
  InstructionSet set_;
  std::vector<std::int32_t> latent_shifts_;
  std::vector<Stage> stages_;
  std::vector<std::int32_t> thresholds_;
};

}  // namespace jaxcompress
