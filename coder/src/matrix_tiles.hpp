// The product in tiles of some positions by some panels, whose sums stay in registers.
//
// No header in the usual sense: a source file for one instruction set includes it inside its own unnamed
// namespace, after it has defined
//   JAXCOMPRESS_TARGET   the attribute that lets a function use the instructions
//   JAXCOMPRESS_UNROLL_ROWS   a pragma before the loop over rows
//   struct Vector        kSize words: load, store, broadcast of inputs, add_product; types Input, Word
//   kMostPositions       of a tile
//   panels_of_tile       the most panels that a tile of some positions has
// Nothing here has external linkage, so no other code can come to use these instructions by accident.

// Loops whose counts the compiler knows, so that what they index can be in registers.
#define JAXCOMPRESS_UNROLL _Pragma("GCC unroll 16")

constexpr std::size_t kVectors = kPanel / Vector::kSize;

using TileProduct = Product<Vector::Input, Vector::Word>;

// Some rows of a group.
struct Block {
  const Vector::Word* weights;
  std::size_t stride;
  std::size_t first_row;  // counted from the product's first
  std::size_t rows;
  Range panels;
  const Vector::Word* next;  // the weights of the block after this one
  std::size_t next_stride;
};

// The product of a block at some positions, for `panels` of its panels, beginning with number `panel`.
template <std::size_t positions, std::size_t panels>
JAXCOMPRESS_TARGET void multiply_tile(const TileProduct& product, const Block& block, std::size_t panel,
                                      std::size_t position) {
  const Vector::Input* inputs[positions];
  Vector sums[positions][panels][kVectors];
  const std::size_t output = (block.panels.begin + panel) * kPanel;
  JAXCOMPRESS_UNROLL
  for (std::size_t i = 0; i < positions; ++i) {
    inputs[i] = product.inputs[position + i] + block.first_row * TileProduct::kRowInputs;
    const Vector::Word* source = product.sums[position + i] + output;
    JAXCOMPRESS_UNROLL
    for (std::size_t p = 0; p < panels; ++p) {
      JAXCOMPRESS_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        sums[i][p][v] = Vector::load(source + p * kPanel + v * Vector::kSize);
      }
    }
  }
  const Vector::Word* weights = block.weights + panel * kPanel;
  const Vector::Word* next = block.next + panel * kPanel;
  JAXCOMPRESS_UNROLL_ROWS
  for (std::size_t k = 0; k < block.rows; ++k, weights += block.stride, next += block.next_stride) {
    Vector input[positions];
    JAXCOMPRESS_UNROLL
    for (std::size_t i = 0; i < positions; ++i) input[i] = Vector::broadcast(inputs[i] + k * TileProduct::kRowInputs);
    JAXCOMPRESS_UNROLL
    for (std::size_t p = 0; p < panels; ++p) {
      __builtin_prefetch(next + p * kPanel);
      JAXCOMPRESS_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        const Vector weight = Vector::load(weights + p * kPanel + v * Vector::kSize);
        JAXCOMPRESS_UNROLL
        for (std::size_t i = 0; i < positions; ++i) {
          sums[i][p][v].add_product(input[i], weight);
        }
      }
    }
  }
  JAXCOMPRESS_UNROLL
  for (std::size_t i = 0; i < positions; ++i) {
    Vector::Word* target = product.sums[position + i] + output;
    JAXCOMPRESS_UNROLL
    for (std::size_t p = 0; p < panels; ++p) {
      JAXCOMPRESS_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        sums[i][p][v].store(target + p * kPanel + v * Vector::kSize);
      }
    }
  }
}

// The panels of a range, as many in each tile as it can have.
template <std::size_t positions, std::size_t panels>
JAXCOMPRESS_TARGET void multiply_panels(const TileProduct& product, const Block& block, Range range,
                                        std::size_t position) {
  for (; range.begin + panels <= range.end; range.begin += panels) {
    multiply_tile<positions, panels>(product, block, range.begin, position);
  }
  if constexpr (panels > 1) {
    if (range.begin < range.end) multiply_panels<positions, panels - 1>(product, block, range, position);
  }
}

// All panels of a block, at the positions of a range, which are 1 to `most`.
template <std::size_t most>
JAXCOMPRESS_TARGET void multiply_positions(const TileProduct& product, const Block& block, Range positions) {
  if constexpr (most > 1) {
    if (positions.end - positions.begin < most) return multiply_positions<most - 1>(product, block, positions);
  }
  multiply_panels<most, panels_of_tile(most)>(product, block, {0, block.panels.end - block.panels.begin},
                                              positions.begin);
}

JAXCOMPRESS_TARGET void multiply(const TileProduct& product) {
  constexpr std::size_t most_rows = Packing<Vector::Word>::kBlock;
  const std::size_t tiles = (product.positions + kMostPositions - 1) / kMostPositions;
  const std::size_t depth = product.rows.end - product.rows.begin;
  for (std::size_t panel = product.panels.begin; panel < product.panels.end;) {
    const Group<Vector::Word> group = group_from(product, panel);
    panel = group.panels.end;
    const Group<Vector::Word> after = panel < product.panels.end ? group_from(product, panel) : group;
    for (std::size_t row = 0; row < depth; row += most_rows) {
      const bool last = row + most_rows >= depth;
      const Block block{.weights = group.weights + row * group.stride,
                        .stride = group.stride,
                        .first_row = row,
                        .rows = std::min(most_rows, depth - row),
                        .panels = group.panels,
                        .next = last ? after.weights : group.weights + (row + most_rows) * group.stride,
                        .next_stride = last ? after.stride : group.stride};
      for (std::size_t t = 0; t < tiles; ++t) {
        multiply_positions<kMostPositions>(
            product, block, {product.positions * t / tiles, product.positions * (t + 1) / tiles});
      }
    }
  }
}
