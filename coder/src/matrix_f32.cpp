#include "jaxcompress/matrix_f32.hpp"

#include <algorithm>

#include "matrix_f32_paths.hpp"

namespace jaxcompress {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

Floats::Floats(std::size_t size)
    : data_(static_cast<float*>(::operator new[](size * sizeof(float), kAlignment))) {
  std::fill_n(data_.get(), size, 0.0F);
}

void Floats::Delete::operator()(float* data) const { ::operator delete[](data, kAlignment); }

Matrix::Matrix(std::span<const float> values, std::size_t inputs, std::size_t outputs)
    : inputs_(inputs), outputs_(outputs), weights_(inputs * width() + kBlock * kGroup * kPanel) {
  // One block more than there is, since whole blocks are fetched ahead, from wherever the next one begins.
  constexpr std::size_t columns = kGroup * kPanel;
  for (std::size_t first = 0; first < outputs; first += columns) {
    const std::size_t count = std::min(columns, outputs - first);
    const std::size_t stride = std::min(columns, width() - first);
    for (std::size_t k = 0; k < inputs; ++k) {
      const float* row = values.data() + k * outputs + first;
      std::copy_n(row, count, weights_.data() + first * inputs + k * stride);
    }
  }
}

void Matrix::accumulate(InstructionSet set, Range rows, Range panels, std::span<const float* const> inputs,
                        std::span<float* const> sums) const {
  const Product product{.weights = weights_.data(),
                        .matrix_rows = inputs_,
                        .matrix_panels = this->panels(),
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
