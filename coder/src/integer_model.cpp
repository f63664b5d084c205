#include "jaxcompress/integer_model.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>

#include "integers.hpp"
#include "jaxcompress/errors.hpp"

namespace jaxcompress {
namespace {

// Indexes of tables fit one byte.
constexpr std::size_t kMaxTables = 256;

constexpr int kMostShift = 30;
constexpr int kLeastOutputShift = -16;

// Inputs count from their least value: so many are added to them, and this is the largest magnitude they have.
struct Inputs {
  std::int32_t zero;
  std::int32_t most;
};
constexpr Inputs kContextInputs{IntegerContextModel::kContextZero, 128};
constexpr Inputs kHiddenInputs{8, 247};

constexpr std::int64_t kMostContextSum = std::int64_t{1} << 29;
constexpr std::int64_t kMostSum = std::int64_t{1} << 30;

void check_count(const std::string& what, std::size_t count, std::size_t expected) {
  if (count == expected) return;
  throw std::invalid_argument(concat(what, " has ", count, " values, expected ", expected));
}

// The shifts as numbers that vectors are made of.
template <typename Shift>
std::vector<std::int32_t> checked_shifts(const std::string& name, std::span<const Shift> shifts, std::size_t count,
                                         int least) {
  check_count(name, shifts.size(), count);
  const auto bad = std::ranges::find_if(shifts, [&](int shift) { return shift < least || shift > kMostShift; });
  if (bad == shifts.end()) return {shifts.begin(), shifts.end()};
  throw std::invalid_argument(concat(name, "[", bad - shifts.begin(), "] is ", int{*bad}, ", expected ", least,
                                     " to ", kMostShift));
}

// Sums of the weights of each output, and of their magnitudes.
struct ColumnSums {
  ColumnSums(std::span<const std::int8_t> kernel, std::size_t outputs) : plain(outputs), magnitudes(outputs) {
    for (std::size_t i = 0; i < kernel.size(); ++i) {
      plain[i % outputs] += kernel[i];
      magnitudes[i % outputs] += std::abs(kernel[i]);
    }
  }

  std::vector<std::int64_t> plain;
  std::vector<std::int64_t> magnitudes;
};

// What sums begin with, so that they count inputs from zero, having checked that they keep their bound.
std::vector<std::int32_t> checked_start(const std::string& name, const ColumnSums& sums,
                                        std::span<const std::int32_t> bias, const Inputs& inputs, std::int64_t most) {
  std::vector<std::int32_t> start;
  for (std::size_t o = 0; o < sums.plain.size(); ++o) {
    const std::int64_t own = bias.empty() ? 0 : bias[o];
    const std::int64_t bound = sums.magnitudes[o] * inputs.most + std::abs(own);
    if (bound > most) {
      throw std::invalid_argument(concat("output ", o, " of ", name, " may reach ", sums.magnitudes[o], " * ",
                                         inputs.most, " + ", std::abs(own), " = ", bound, ", expected at most ", most,
                                         "; use smaller weights and shifts"));
    }
    start.push_back(static_cast<std::int32_t>(own - sums.plain[o] * inputs.zero));
  }
  return start;
}

void check_context(const IntegerContextModel::Weights& weights) {
  const std::size_t size = weights.size;
  if (size < 3 || size % 2 == 0) {
    throw std::invalid_argument(concat("the context kernel is ", size, " x ", size,
                                       ", expected an odd side of at least 3"));
  }
  if (weights.channels == 0 || weights.outputs == 0) {
    throw std::invalid_argument(concat("the context kernel has ", weights.channels, " inputs and ", weights.outputs,
                                       " outputs, expected at least one of each"));
  }
  check_count("the context kernel", weights.context_kernel.size(), size * size * weights.channels * weights.outputs);
}

void check_layer(const std::string& name, const IntegerContextModel::LayerWeights& layer, std::size_t inputs) {
  if (layer.inputs != inputs) {
    throw std::invalid_argument(concat(name, " kernel has ", layer.inputs, " inputs, expected ", inputs,
                                       ", the outputs of what comes before"));
  }
  if (layer.outputs == 0) throw std::invalid_argument(concat(name, " kernel has no outputs"));
  check_count(name + " kernel", layer.kernel.size(), layer.inputs * layer.outputs);
  check_count(name + " bias", layer.bias.size(), layer.outputs);
}

// Where outputs are multiplied by a power of two.
void check_output(std::size_t output, std::int32_t shift, std::int64_t bound) {
  if (shift >= 0 || bound << -shift <= std::numeric_limits<std::int32_t>::max()) return;
  throw std::invalid_argument(concat("output_shifts[", output, "] is ", shift, " but the output may reach ", bound,
                                     ", expected a product with 2^", -shift, " below 2^31"));
}

void check_thresholds(std::span<const std::int32_t> thresholds) {
  if (thresholds.size() >= kMaxTables) {
    throw std::invalid_argument(concat("there are ", thresholds.size(), " thresholds, expected at most ",
                                       kMaxTables - 1));
  }
  for (std::size_t i = 1; i < thresholds.size(); ++i) {
    if (thresholds[i] > thresholds[i - 1]) continue;
    throw std::invalid_argument(concat("thresholds[", i, "] is ", thresholds[i], " after ", thresholds[i - 1],
                                       ", expected ascending ones"));
  }
}

}  // namespace

IntegerContextModel::IntegerContextModel(const Weights& weights, InstructionSet set)
    : size_(weights.size), set_(set), thresholds_(weights.thresholds.begin(), weights.thresholds.end()) {
  check(Kernel::kMatrixI8, set);
  check_context(weights);
  check_thresholds(thresholds_);
  latent_shifts_ = checked_shifts("latent_shifts", weights.latent_shifts, weights.channels, 0);

  const auto kernel = weights.context_kernel.first(taps() * weights.channels * weights.outputs);
  ColumnSums sums(kernel, weights.outputs);
  stages_.push_back({IntegerMatrix(kernel, taps(), weights.channels, weights.outputs, set),
                     checked_start("the context kernel", sums, {}, kContextInputs, kMostContextSum), {}});
  std::vector<std::int64_t> bounds;
  for (const std::int64_t magnitude : sums.magnitudes) bounds.push_back(magnitude * kContextInputs.most + kMostSide);
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const LayerWeights& layer = weights.layers[i];
    const std::string name = concat("layers[", i, "]");
    check_layer(name, layer, matrix(i).outputs());
    stages_.back().shifts = checked_shifts(concat("hidden_shifts[", i, "]"), layer.shifts, layer.inputs, 0);
    sums = ColumnSums(layer.kernel, layer.outputs);
    stages_.push_back({IntegerMatrix(layer.kernel, 1, layer.inputs, layer.outputs, set),
                       checked_start(name, sums, layer.bias, kHiddenInputs, kMostSum), {}});
    bounds.clear();
    for (std::size_t o = 0; o < layer.outputs; ++o) {
      bounds.push_back(sums.magnitudes[o] * kHiddenInputs.most + std::abs(std::int64_t{layer.bias[o]}));
    }
  }
  if (bounds.size() != 2 * weights.channels) {
    throw std::invalid_argument(concat("the last layer has ", bounds.size(), " outputs, expected ",
                                       2 * weights.channels, ": scales and means of the ", weights.channels,
                                       " channels that the context kernel reads"));
  }
  stages_.back().shifts = checked_shifts("output_shifts", weights.output_shifts, bounds.size(), kLeastOutputShift);
  for (std::size_t o = 0; o < bounds.size(); ++o) check_output(o, stages_.back().shifts[o], bounds[o]);
}

std::size_t IntegerContextModel::most_panels() const {
  std::size_t most = 0;
  for (const Stage& stage : stages_) most = std::max(most, stage.matrix.panels());
  return most;
}

void IntegerContextModel::activate(std::size_t stage, Range outputs, const std::int32_t* sums,
                                   std::uint8_t* inputs) const {
  integers(set_).activate(sums + outputs.begin, stages_[stage].shifts.data() + outputs.begin,
                          outputs.end - outputs.begin, inputs + outputs.begin * input_bytes());
}

void IntegerContextModel::see(Range channels, const std::int32_t* latent, std::uint8_t* inputs) const {
  integers(set_).see(latent + channels.begin, latent_shifts_.data() + channels.begin, channels.end - channels.begin,
                     inputs + channels.begin * input_bytes());
}

void IntegerContextModel::find_indexes(const std::int32_t* outputs, Range channels, std::uint8_t* indexes) const {
  constexpr std::size_t most = 64;
  std::int32_t scales[most];
  for (std::size_t first = channels.begin; first < channels.end; first += most) {
    const std::size_t count = std::min(most, channels.end - first);
    integers(set_).scale(outputs + first, stages_.back().shifts.data() + first, count, scales);
    integers(set_).count_below(scales, count, thresholds_.data(), thresholds_.size(), indexes + first);
  }
}

void IntegerContextModel::find_means(const std::int32_t* outputs, Range channels, std::int32_t* means) const {
  const std::size_t first = this->channels() + channels.begin;
  means += channels.begin;
  const std::size_t count = channels.end - channels.begin;
  integers(set_).scale(outputs + first, stages_.back().shifts.data() + first, count, means);
  for (std::size_t i = 0; i < count; ++i) means[i] = std::clamp(means[i], -kMostMean, kMostMean);
}

}  // namespace jaxcompress
