// Pictures side by side, each with a stream of its own: the same streams as one by one, sooner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/encoder.hpp"
#include "jaxcompress/tables.hpp"

namespace jaxcompress {

// What encode_stream takes for one picture.
template <typename Index>
struct PictureToEncode {
  std::span<const std::int32_t> symbols;
  std::span<const Index> indexes;
};

// What a Decoder takes for one picture.
template <typename Index>
struct PictureToDecode {
  std::span<const std::uint8_t> stream;
  std::span<const Index> indexes;
  std::span<std::int32_t> symbols;
};

// The stream of each picture, by at most `threads` threads, of which the caller's is one. Throws what
// encode_stream throws for the first picture that cannot be coded, which the message names.
template <typename Index>
std::vector<Stream> encode_batch(std::span<const PictureToEncode<Index>> pictures, const CdfTables& tables,
                                 std::size_t threads);

// Decodes whole streams, likewise; throws what a Decoder throws, that of finish() included.
template <typename Index>
void decode_batch(std::span<const PictureToDecode<Index>> pictures, const CdfTables& tables,
                  std::size_t threads);

}  // namespace jaxcompress
