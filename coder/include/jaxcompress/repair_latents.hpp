// Decoding an autoregressive stream whose encoder had a few other indexes than the decoder: see repair.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/autoregressive.hpp"
#include "jaxcompress/repair.hpp"

namespace jaxcompress {

// A scale whose index the encoder had on the other side of the nearest threshold.
struct FlippedScale {
  std::size_t row;
  std::size_t column;
  std::size_t channel;
};

struct LatentRepair {
  // In the order of the stream.
  std::vector<FlippedScale> flipped;
  // Decodings after the first, which uses the indexes as they are.
  std::size_t tries;
};

// Decodes as decode_latents does. If the stream does not end as it must, tries the nearest scales on the other side
// of their threshold, in the order of the sums of relative distances, until it does. Throws StreamError if it never
// does or a limit is reached, and std::invalid_argument as decode_latents.
LatentRepair decode_latents_repaired(const ContextModel& model, std::span<const std::uint8_t> stream,
                                     const SideInformation& side, const CdfTables& tables, Order order,
                                     std::size_t threads, const RepairLimits& limits, std::span<float> latent);

}  // namespace jaxcompress
