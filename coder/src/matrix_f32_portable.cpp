#include <algorithm>
#include <cmath>

#include "jaxcompress/matrix_f32.hpp"
#include "matrix_f32_paths.hpp"

namespace jaxcompress {

// Written so that compilers make vectors of it where std::fma is an instruction.
void accumulate_portable(const Product& product) {
  for (std::size_t panel = 0; panel < product.panel_count; ++panel) {
    const float* weights = product.weights + panel * product.panel_size;
    for (std::size_t i = 0; i < product.positions; ++i) {
      float* target = product.sums[i] + product.first_output + panel * kPanel;
      float sums[kPanel];
      std::copy_n(target, kPanel, sums);
      for (std::size_t k = 0; k < product.depth; ++k) {
        const float input = product.inputs[i][k];
        const float* row = weights + k * kPanel;
        for (std::size_t o = 0; o < kPanel; ++o) sums[o] = std::fma(input, row[o], sums[o]);
      }
      std::copy_n(sums, kPanel, target);
    }
  }
}

}  // namespace jaxcompress
