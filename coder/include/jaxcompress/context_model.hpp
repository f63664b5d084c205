// The network that predicts scale and mean of a latent from the latents before it and side information.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/matrix_f32.hpp"

namespace jaxcompress {

// The least scale that the models use, as float32; smaller ones count as this.
inline constexpr float kScaleBound = 0.11F;

// A masked convolution over what raster order has decoded already, then 1x1 layers over side information and
// context, with leaky ReLU between. Never changes once made, so threads may share it.
class ContextModel {
 public:
  // A matrix [inputs, outputs] in C order, and a bias for each output.
  struct Weights {
    std::span<const float> kernel;
    std::span<const float> bias;
    std::size_t inputs;
    std::size_t outputs;
  };
  struct Layer {
    Matrix matrix;
    std::vector<float> bias;
  };

  // The context kernel is [size, size, channels, outputs], and only the taps before the centre are read; it has
  // size * size * channels inputs. The first of `layers` takes side information and then the context, the last
  // gives scales and then means. `scale_table` ascends. Throws std::invalid_argument.
  ContextModel(std::size_t size, const Weights& context, std::span<const Weights> layers,
               std::span<const float> scale_table, float slope, InstructionSet set);

  std::size_t size() const { return size_; }
  std::size_t reach() const { return size_ / 2; }
  // Those before the centre.
  std::size_t taps() const { return size_ * size_ / 2; }
  std::size_t channels() const { return layers_.back().matrix.outputs() / 2; }
  std::size_t side_channels() const { return layers_.front().matrix.inputs() - context_.matrix.outputs(); }
  const Layer& context() const { return context_; }
  const std::vector<Layer>& layers() const { return layers_; }
  InstructionSet instruction_set() const { return set_; }
  // One table for each of its scales.
  std::size_t tables() const { return thresholds_.size() + 1; }
  // Scales between two tables, ascending: an index counts those that are below a scale.
  std::span<const float> thresholds() const { return thresholds_; }
  // Outputs that one thread computes at a time, of the widest layer.
  std::size_t most_panels() const;

  // Applies the activation between layers, in place.
  void activate(std::span<float> values) const;
  // The index of the smallest scale of the table that is not below each scale; of the last if none is, or NaN.
  void find_indexes(std::span<const float> scales, std::span<std::uint8_t> indexes) const;

 private:
  std::size_t size_;
  Layer context_;
  std::vector<Layer> layers_;
  std::vector<float> thresholds_;
  float slope_;
  InstructionSet set_;
};

}  // namespace jaxcompress
