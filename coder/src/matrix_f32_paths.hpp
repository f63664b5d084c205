// The same product for several instruction sets; matrix_f32.cpp chooses one at run time.
#pragma once

#include <algorithm>
#include <cstddef>

#include "jaxcompress/matrix_f32.hpp"

namespace jaxcompress {

// Rows of a group whose weights are used by all positions before the next ones: together with those, which are
// fetched meanwhile, they leave some room in a first cache of 32 KB.
inline constexpr std::size_t kBlock = 32;

// What Matrix::accumulate was asked for, and where the matrix is.
struct Product {
  const float* weights;
  std::size_t matrix_rows;
  std::size_t matrix_panels;
  Range rows;
  Range panels;
  const float* const* inputs;
  float* const* sums;
  std::size_t positions;
};

// The part of `product` in one group of panels, which are side by side.
struct Group {
  const float* weights;  // of the first row, in the first panel
  std::size_t stride;    // floats from one row to the next
  Range panels;
};

// The part that begins with a panel.
inline Group group_from(const Product& product, std::size_t panel) {
  const std::size_t begin = panel / kGroup * kGroup;
  const std::size_t end = std::min(begin + kGroup, product.matrix_panels);
  const std::size_t stride = (end - begin) * kPanel;
  const float* weights = product.weights + begin * kPanel * product.matrix_rows;
  return {weights + product.rows.begin * stride + (panel - begin) * kPanel, stride,
          {panel, std::min(end, product.panels.end)}};
}

void accumulate_portable(const Product& product);
#if JAXCOMPRESS_X86
void accumulate_avx2(const Product& product);
void accumulate_avx512(const Product& product);
#endif

}  // namespace jaxcompress
