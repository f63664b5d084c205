// Latents to streams and back, where the tables of each position depend on the positions before it.
//
// Streams, and what they decode to, have the same bits for any number of threads and of pictures at a time, and
// whatever the instructions: see matrix_f32.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/context_model.hpp"
#include "jaxcompress/order.hpp"
#include "jaxcompress/tables.hpp"

namespace jaxcompress {

// The side information of a picture: [height, width, model.side_channels()] in C order.
struct SideInformation {
  std::size_t height;
  std::size_t width;
  std::span<const float> values;
};

// The stream of each latent, which is [height, width, model.channels()] in C order. Throws std::invalid_argument
// for sizes that do not fit, side information that is not finite, and latents that cannot be coded.
std::vector<std::vector<std::uint8_t>> encode_latents(const ContextModel& model,
                                                      std::span<const std::span<const float>> latents,
                                                      std::span<const SideInformation> sides,
                                                      const CdfTables& tables, Order order, std::size_t threads);

// Writes the latent of each stream, with every symbol's mean added, to latents[i], which has its size. Throws
// StreamError, and std::invalid_argument for sizes that do not fit and side information that is not finite.
void decode_latents(const ContextModel& model, std::span<const std::span<const std::uint8_t>> streams,
                    std::span<const SideInformation> sides, const CdfTables& tables, Order order, std::size_t threads,
                    std::span<const std::span<float>> latents);

// Writes the scales and means with which coding would meet each value of a decoded latent; all three have its size.
void predict(const ContextModel& model, std::span<const float> latent, const SideInformation& side,
             std::size_t threads, std::span<float> scales, std::span<float> means);

}  // namespace jaxcompress
