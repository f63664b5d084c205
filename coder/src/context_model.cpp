#include "jaxcompress/context_model.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

#include "jaxcompress/errors.hpp"

namespace jaxcompress {
namespace {

// Indexes of tables fit one byte.
constexpr std::size_t kMaxTables = 256;

void check_finite(const std::string& name, std::span<const float> values) {
  const auto found = std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
  if (found == values.end()) return;
  throw std::invalid_argument(concat(name, " has ", *found, " as its value number ", found - values.begin(),
                                     ", expected finite weights"));
}

void check_weights(const std::string& name, const ContextModel::Weights& weights) {
  if (weights.outputs == 0) throw std::invalid_argument(concat(name, " kernel has no outputs"));
  if (weights.kernel.size() / weights.outputs != weights.inputs ||
      weights.kernel.size() % weights.outputs != 0) {
    throw std::invalid_argument(concat(name, " kernel has ", weights.kernel.size(), " values, expected ",
                                       weights.inputs, " x ", weights.outputs));
  }
  if (weights.bias.size() != weights.outputs) {
    throw std::invalid_argument(concat(name, " bias has ", weights.bias.size(), " values but the kernel has ",
                                       weights.outputs, " outputs; give one for each"));
  }
  check_finite(name + " bias", weights.bias);
}

// The first `inputs` rows of the kernel, and the bias.
ContextModel::Layer make_layer(const std::string& name, const ContextModel::Weights& weights, std::size_t inputs) {
  check_weights(name, weights);
  const auto kernel = weights.kernel.first(inputs * weights.outputs);
  check_finite(name + " kernel", kernel);
  return {Matrix(kernel, inputs, weights.outputs), {weights.bias.begin(), weights.bias.end()}};
}

ContextModel::Layer make_context(std::size_t size, const ContextModel::Weights& weights) {
  if (size < 3 || size % 2 == 0) {
    throw std::invalid_argument(concat("the context kernel is ", size, " x ", size,
                                       ", expected an odd side of at least 3"));
  }
  if (weights.inputs == 0 || weights.inputs % (size * size) != 0) {
    throw std::invalid_argument(concat("the context kernel has ", weights.inputs, " inputs, expected a multiple of ",
                                       size, " x ", size));
  }
  return make_layer("context", weights, size * size / 2 * (weights.inputs / (size * size)));
}

void check_scale_table(std::span<const float> scales) {
  if (scales.empty() || scales.size() > kMaxTables) {
    throw std::invalid_argument(concat("scale_table has ", scales.size(), " entries, expected 1 to ", kMaxTables));
  }
  for (std::size_t i = 0; i < scales.size(); ++i) {
    const float before = i == 0 ? 0 : scales[i - 1];
    if (!(scales[i] > before) || !std::isfinite(scales[i])) {
      throw std::invalid_argument(concat("scale_table[", i, "] is ", scales[i], " after ", before,
                                         ", expected positive and ascending scales"));
    }
  }
}

}  // namespace

ContextModel::ContextModel(std::size_t size, const Weights& context, std::span<const Weights> layers,
                           std::span<const float> scale_table, float slope, InstructionSet set)
    : size_(size), context_(make_context(size, context)), slope_(slope), set_(set) {
  check(Kernel::kMatrixF32, set);
  if (!std::isfinite(slope)) throw std::invalid_argument(concat("slope is ", slope, ", expected a finite number"));
  check_scale_table(scale_table);
  thresholds_.assign(scale_table.begin(), scale_table.end() - 1);

  if (layers.empty()) throw std::invalid_argument("layers is empty, expected at least one");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string name = concat("layers[", i, "]");
    layers_.push_back(make_layer(name, layers[i], layers[i].inputs));
    if (i > 0 && layers[i].inputs != layers[i - 1].outputs) {
      throw std::invalid_argument(concat(name, " kernel has ", layers[i].inputs, " inputs, expected ",
                                         layers[i - 1].outputs, ", the outputs of the layer before"));
    }
  }
  if (layers.front().inputs < context.outputs) {
    throw std::invalid_argument(concat("layers[0] kernel has ", layers.front().inputs,
                                       " inputs, expected those of the side information and ", context.outputs,
                                       " of the context"));
  }
  const std::size_t latents = context.inputs / (size * size);
  if (layers.back().outputs != 2 * latents) {
    throw std::invalid_argument(concat("the last layer has ", layers.back().outputs, " outputs, expected ",
                                       2 * latents, ": scales and means of the ", latents,
                                       " channels that the context kernel reads"));
  }
}

std::size_t ContextModel::most_panels() const {
  std::size_t most = context_.matrix.panels();
  for (const Layer& layer : layers_) most = std::max(most, layer.matrix.panels());
  return most;
}

void ContextModel::activate(std::span<float> values) const {
  // By the sign bit, since compilers make a branch of a comparison here, and it would be taken half of the time.
  const auto one = std::bit_cast<std::int32_t>(1.0F);
  const auto change = one ^ std::bit_cast<std::int32_t>(slope_);
  for (float& value : values) {
    const std::int32_t negative = std::bit_cast<std::int32_t>(value) >> 31;
    value *= std::bit_cast<float>(one ^ (change & negative));
  }
}

void ContextModel::find_indexes(std::span<const float> scales, std::span<std::uint8_t> indexes) const {
  // A few at a time, so that compilers make vectors of the inner loop.
  constexpr std::size_t lanes = 16;
  for (std::size_t first = 0; first < scales.size(); first += lanes) {
    const std::size_t count = std::min(lanes, scales.size() - first);
    float bounded[lanes] = {};
    for (std::size_t i = 0; i < count; ++i) {
      const float scale = scales[first + i];
      bounded[i] = scale < kScaleBound ? kScaleBound : scale;
    }
    std::int32_t found[lanes] = {};
    for (const float threshold : thresholds_) {
      for (std::size_t i = 0; i < lanes; ++i) found[i] += !(bounded[i] <= threshold);
    }
    for (std::size_t i = 0; i < count; ++i) indexes[first + i] = static_cast<std::uint8_t>(found[i]);
  }
}

}  // namespace jaxcompress
