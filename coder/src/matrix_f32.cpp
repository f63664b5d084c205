#include "jaxcompress/matrix_f32.hpp"

#include <algorithm>

#include "matrix_f32_paths.hpp"

namespace jaxcompress {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

Floats::Floats(std::size_t size)
    : data_(static_cast<float*>(::operator new[](std::max<std::size_t>(size, 1) * sizeof(float), kAlignment))) {
  std::fill_n(data_.get(), size, 0.0F);
}

void Floats::Delete::operator()(float* data) const { ::operator delete[](data, kAlignment); }

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets;
#if JAXCOMPRESS_X86
  if (__builtin_cpu_supports("avx512f")) sets.push_back(InstructionSet::kAvx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets.push_back(InstructionSet::kAvx2);
#endif
  sets.push_back(InstructionSet::kPortable);
  return sets;
}

std::string_view to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx512: return "avx512";
    case InstructionSet::kAvx2: return "avx2";
    default: return "portable";
  }
}

Matrix::Matrix(std::span<const float> values, std::size_t inputs, std::size_t outputs)
    : inputs_(inputs), outputs_(outputs), panels_(inputs * width()) {
  for (std::size_t panel = 0; panel < panels(); ++panel) {
    const std::size_t first = panel * kPanel;
    const std::size_t count = std::min(kPanel, outputs - first);
    for (std::size_t k = 0; k < inputs; ++k) {
      std::copy_n(values.data() + k * outputs + first, count, panels_.data() + (panel * inputs + k) * kPanel);
    }
  }
}

void Matrix::accumulate(InstructionSet set, Range rows, Range panels, std::span<const float* const> inputs,
                        std::span<float* const> sums) const {
  const std::size_t panel_size = inputs_ * kPanel;
  const Product product{.weights = panels_.data() + panels.begin * panel_size + rows.begin * kPanel,
                        .panel_size = panel_size,
                        .panel_count = panels.end - panels.begin,
                        .depth = rows.end - rows.begin,
                        .inputs = inputs.data(),
                        .sums = sums.data(),
                        .first_output = panels.begin * kPanel,
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
