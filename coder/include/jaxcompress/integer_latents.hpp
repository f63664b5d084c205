// Latents to streams and back with an IntegerContextModel; as in autoregressive.hpp, but exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/integer_model.hpp"
#include "jaxcompress/order.hpp"
#include "jaxcompress/tables.hpp"

namespace jaxcompress {

// What the sums of the context begin with: [height, width, model.side_channels()] in C order, none beyond kMostSide.
struct IntegerSide {
  std::size_t height;
  std::size_t width;
  std::span<const std::int32_t> values;
};

// The stream of each latent, which is [height, width, model.channels()] in C order. Throws std::invalid_argument
// for sizes that do not fit, side information beyond its bound, and latents that are not finite.
std::vector<std::vector<std::uint8_t>> encode_latents(const IntegerContextModel& model,
                                                      std::span<const std::span<const float>> latents,
                                                      std::span<const IntegerSide> sides, const CdfTables& tables,
                                                      Order order, std::size_t threads);

// Writes the latent of each stream to latents[i], which has its size: multiples of 1/64. Throws StreamError, and
// std::invalid_argument as above.
void decode_latents(const IntegerContextModel& model, std::span<const std::span<const std::uint8_t>> streams,
                    std::span<const IntegerSide> sides, const CdfTables& tables, Order order, std::size_t threads,
                    std::span<const std::span<float>> latents);

// Writes the indexes and means with which coding would meet each value of a decoded latent; all three have its size.
// Throws std::invalid_argument, also for values that decoding cannot give.
void predict(const IntegerContextModel& model, std::span<const float> latent, const IntegerSide& side,
             std::size_t threads, std::span<std::uint8_t> indexes, std::span<std::int32_t> means);

}  // namespace jaxcompress
