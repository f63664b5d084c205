// What the functions that multiply with packed weights, one for each instruction set, are asked for.
#pragma once

#include <algorithm>
#include <cstddef>

#include "jaxcompress/instruction_sets.hpp"
#include "jaxcompress/packed.hpp"
#include "jaxcompress/range.hpp"

namespace jaxcompress {

// Adds to the sums of some positions the products of their inputs with some rows and panels of a matrix.
template <typename Input, typename Word>
struct Product {
  // Of the inputs of a position, those whose weights are in one word.
  static constexpr std::size_t kRowInputs = sizeof(Word) / sizeof(Input);

  const PackedWeights<Word>& weights;
  Range rows;
  Range panels;
  const Input* const* inputs;
  Word* const* sums;
  std::size_t positions;
};

// The part of a product in one group of panels, which are side by side.
template <typename Word>
struct Group {
  const Word* weights;  // of the first row, in the first panel
  std::size_t stride;   // words from one row to the next
  Range panels;
};

// The part that begins with a panel.
template <typename Input, typename Word>
Group<Word> group_from(const Product<Input, Word>& product, std::size_t panel) {
  constexpr std::size_t size = Packing<Word>::kGroup;
  const std::size_t begin = panel / size * size;
  const std::size_t end = std::min(begin + size, product.weights.panels());
  const std::size_t stride = (end - begin) * kPanel;
  const Word* weights = product.weights.data() + begin * kPanel * product.weights.rows();
  return {weights + product.rows.begin * stride + (panel - begin) * kPanel, stride,
          {panel, std::min(end, product.panels.end)}};
}

}  // namespace jaxcompress
