#include <algorithm>
#include <cmath>

#include "matrix_f32_paths.hpp"

namespace jaxcompress {

// Written so that compilers make vectors of it where std::fma is an instruction.
void accumulate_portable(const FloatProduct& product) {
  for (std::size_t panel = product.panels.begin; panel < product.panels.end; ++panel) {
    const Group<float> group = group_from(product, panel);
    for (std::size_t i = 0; i < product.positions; ++i) {
      const float* input = product.inputs[i];
      float* target = product.sums[i] + panel * kPanel;
      float sums[kPanel];
      std::copy_n(target, kPanel, sums);
      const float* weights = group.weights;
      for (std::size_t row = product.rows.begin; row < product.rows.end; ++row, ++input, weights += group.stride) {
        for (std::size_t o = 0; o < kPanel; ++o) sums[o] = std::fma(*input, weights[o], sums[o]);
      }
      std::copy_n(sums, kPanel, target);
    }
  }
}

}  // namespace jaxcompress
