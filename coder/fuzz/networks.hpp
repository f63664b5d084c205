// What the fuzzers of autoregressive coding draw: networks, and tables for them.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "cases.hpp"
#include "jaxcompress/context_model.hpp"
#include "jaxcompress/tables.hpp"

namespace fuzz {

using Values = std::vector<float>;

// The exact allocation lets the address sanitizer see the first value read too many.
inline Values normal(Random& random, std::size_t size, double deviation) {
  Values values(size);
  for (float& value : values) {
    // Twelve uniform numbers have a variance of 1.
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.below(1 << 24)) / (1 << 24);
    value = static_cast<float>(deviation * sum);
  }
  return values;
}

// Three tables, no two of which have a symbol with the same codes: such a symbol would hide that it was decoded with
// another table.
inline CdfTables three_tables() {
  const Ints cdf = {0, 900,  64000, 65000, 65536, 0,     0,     0,
                    0, 9000, 20000, 40000, 52000, 64600, 65536, 0,
                    0, 8700, 18000, 27100, 36300, 45200, 54600, 65536};
  return {cdf, 3, 8, Ints{5, 7, 8}, Ints{-1, -2, -3}};
}

struct Network {
  std::size_t size;
  std::size_t channels;
  std::size_t side_channels;
  std::vector<Values> values;
  std::vector<jaxcompress::ContextModel::Weights> weights;  // the context's, then those of the layers

  // The tables change at two thresholds between scales.
  jaxcompress::ContextModel model(jaxcompress::InstructionSet set, float low = 0.3F, float high = 1) const {
    const Values scales = {low, high, 2 * high};
    return {size, weights.front(), std::span(weights).subspan(1), scales, 0.01F, set};
  }
};

inline Network network(Random& random) {
  Network result;
  result.size = 2 * random.size(1, 3) + 1;
  result.channels = random.size(1, random.one_in(4) ? 40 : 5);
  result.side_channels = random.size(0, 9);
  const std::size_t context = random.size(1, 40);
  const auto add = [&](std::size_t inputs, std::size_t outputs) {
    const double deviation = 1 / std::sqrt(static_cast<double>(inputs));
    const Values& kernel = result.values.emplace_back(normal(random, inputs * outputs, deviation));
    const Values& bias = result.values.emplace_back(normal(random, outputs, 0.5));
    result.weights.push_back({kernel, bias, inputs, outputs});
  };
  result.values.reserve(12);
  add(result.size * result.size * result.channels, context);
  std::size_t inputs = result.side_channels + context;
  for (std::size_t hidden = random.below(4); hidden > 0; --hidden) {
    const std::size_t outputs = random.size(1, random.one_in(3) ? 130 : 20);
    add(inputs, outputs);
    inputs = outputs;
  }
  add(inputs, 2 * result.channels);
  return result;
}

template <typename Action>
void require_invalid(const char* what, const Action& action) {
  try {
    action();
  } catch (const std::invalid_argument&) {
    return;
  }
  require(false, what);
}

}  // namespace fuzz
