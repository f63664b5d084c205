// The order of positions in the stream of a latent.
#pragma once

namespace jaxcompress {

// At each position the symbols go channel after channel.
enum class Order {
  // Row after row, as CompressAI.
  kRaster,
  // By column + (reach + 1) * row, and where that is equal by row. Positions where it is equal do not see each
  // other, so a decoder computes them together.
  kWavefront,
};

}  // namespace jaxcompress
