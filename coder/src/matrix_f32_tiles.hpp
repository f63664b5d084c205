// The product in tiles of some positions by some vectors of outputs, whose sums stay in registers.
//
// No header in the usual sense: a source file for one instruction set includes it inside its own unnamed
// namespace, after it has defined
//   JAXCOMPRESS_TARGET   the attribute that lets a function use the instructions
//   struct Vector        kSize floats with load, store, broadcast and fma
//   kMaxPositions        of a tile
// Nothing here has external linkage, so no other code can come to use these instructions by accident.

constexpr std::size_t kVectors = kPanel / Vector::kSize;

// So many sums hide the latency of fma: 4 cycles, two of them beginning in each.
constexpr std::size_t kEnoughSums = 8;

// How many panels a tile of some positions needs to have enough sums.
constexpr std::size_t panels_at_once(std::size_t positions) {
  const std::size_t sums = positions * kVectors;
  return (kEnoughSums + sums - 1) / sums;
}

// `weights` and `first_output` are those of the tile's first panel; `rows` of the inputs are taken.
template <std::size_t positions, std::size_t panels>
JAXCOMPRESS_TARGET void tile(const Product& product, const float* weights, std::size_t first_output, Range rows,
                             std::size_t first_position) {
  const float* inputs[positions];
  Vector sums[panels][positions][kVectors];
  for (std::size_t i = 0; i < positions; ++i) {
    inputs[i] = product.inputs[first_position + i];
    const float* source = product.sums[first_position + i] + first_output;
    for (std::size_t p = 0; p < panels; ++p) {
      for (std::size_t v = 0; v < kVectors; ++v) sums[p][i][v] = Vector::load(source + p * kPanel + v * Vector::kSize);
    }
  }
  for (std::size_t k = rows.begin; k < rows.end; ++k) {
    Vector input[positions];
    for (std::size_t i = 0; i < positions; ++i) input[i] = Vector::broadcast(inputs[i] + k);
    for (std::size_t p = 0; p < panels; ++p) {
      const float* row = weights + p * product.panel_size + k * kPanel;
      for (std::size_t v = 0; v < kVectors; ++v) {
        const Vector weight = Vector::load(row + v * Vector::kSize);
        for (std::size_t i = 0; i < positions; ++i) sums[p][i][v] = Vector::fma(input[i], weight, sums[p][i][v]);
      }
    }
  }
  for (std::size_t i = 0; i < positions; ++i) {
    float* target = product.sums[first_position + i] + first_output;
    for (std::size_t p = 0; p < panels; ++p) {
      for (std::size_t v = 0; v < kVectors; ++v) sums[p][i][v].store(target + p * kPanel + v * Vector::kSize);
    }
  }
}

// Calls tile for a number of positions that is known at run time only, 1 to `most`.
template <std::size_t panels, std::size_t most>
JAXCOMPRESS_TARGET void tile_of(const Product& product, const float* weights, std::size_t first_output, Range rows,
                                Range positions) {
  if constexpr (most > 1) {
    if (positions.end - positions.begin < most) {
      return tile_of<panels, most - 1>(product, weights, first_output, rows, positions);
    }
  }
  tile<most, panels>(product, weights, first_output, rows, positions.begin);
}

// All positions in one tile, which takes several panels at once if the positions are few.
template <std::size_t positions>
JAXCOMPRESS_TARGET void accumulate_few(const Product& product) {
  if constexpr (positions > 1) {
    if (product.positions < positions) return accumulate_few<positions - 1>(product);
  }
  constexpr std::size_t together = panels_at_once(positions);
  std::size_t panel = 0;
  const auto weights = [&] { return product.weights + panel * product.panel_size; };
  const auto first_output = [&] { return product.first_output + panel * kPanel; };
  for (; panel + together <= product.panel_count; panel += together) {
    tile<positions, together>(product, weights(), first_output(), {0, product.depth}, 0);
  }
  for (; panel < product.panel_count; ++panel) {
    tile<positions, 1>(product, weights(), first_output(), {0, product.depth}, 0);
  }
}

// Several tiles of nearly equal size, which share a block of a panel while it is in the first cache.
JAXCOMPRESS_TARGET void accumulate_many(const Product& product) {
  constexpr std::size_t block = 128;
  const std::size_t tiles = (product.positions + kMaxPositions - 1) / kMaxPositions;
  for (std::size_t panel = 0; panel < product.panel_count; ++panel) {
    const float* weights = product.weights + panel * product.panel_size;
    const std::size_t first_output = product.first_output + panel * kPanel;
    for (std::size_t row = 0; row < product.depth; row += block) {
      const Range rows{row, std::min(row + block, product.depth)};
      for (std::size_t t = 0; t < tiles; ++t) {
        const Range positions{product.positions * t / tiles, product.positions * (t + 1) / tiles};
        tile_of<1, kMaxPositions>(product, weights, first_output, rows, positions);
      }
    }
  }
}

JAXCOMPRESS_TARGET void accumulate_tiles(const Product& product) {
  if (product.positions == 0) return;
  product.positions <= kMaxPositions ? accumulate_few<kMaxPositions>(product) : accumulate_many(product);
}
