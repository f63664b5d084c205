#include "jaxcompress/matrix_f32.hpp"

#include "matrix_f32_paths.hpp"

namespace jaxcompress {

Matrix::Matrix(std::span<const float> values, std::size_t inputs, std::size_t outputs)
    : weights_(inputs, outputs, [&](std::size_t row, std::size_t output) { return values[row * outputs + output]; }) {}

void Matrix::accumulate(InstructionSet set, Range rows, Range panels, std::span<const float* const> inputs,
                        std::span<float* const> sums) const {
  const FloatProduct product{.weights = weights_,
                             .rows = rows,
                             .panels = panels,
                             .inputs = inputs.data(),
                             .sums = sums.data(),
                             .positions = sums.size()};
  switch (set) {
#if JAXCOMPRESS_X86
    case InstructionSet::kAvx512: return accumulate_avx512(product);
    case InstructionSet::kAvx2: return accumulate_avx2(product);
#endif
    default: return accumulate_portable(product);
  }
}

}  // namespace jaxcompress
