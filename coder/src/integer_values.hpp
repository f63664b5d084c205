// The functions of single values in integers.hpp, for compilers to make vectors of.
//
// No header in the usual sense: a source file for one instruction set includes it inside its own unnamed
// namespace, after it has defined
//   JAXCOMPRESS_TARGET   the attribute that lets a function use the instructions
//   kInputBytes          that an input takes, of which the first has its value

JAXCOMPRESS_TARGET inline std::int32_t rounded(std::int32_t value, std::int32_t shift) {
  return (value + ((1 << shift) >> 1)) >> shift;
}

JAXCOMPRESS_TARGET inline void put(std::uint8_t* inputs, std::size_t i, std::int32_t value) {
  inputs[i * kInputBytes] = static_cast<std::uint8_t>(value);
  for (std::size_t byte = 1; byte < kInputBytes; ++byte) inputs[i * kInputBytes + byte] = 0;
}

JAXCOMPRESS_TARGET void activate(const std::int32_t* sums, const std::int32_t* shifts, std::size_t count,
                                 std::uint8_t* inputs) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t sum = sums[i];
    const std::int32_t value = sum >= 0 ? sum : (sum >> 7) + (sum >> 9) + (sum >> 12);
    put(inputs, i, std::clamp(rounded(value, shifts[i]), -8, 247) + 8);
  }
}

JAXCOMPRESS_TARGET void see(const std::int32_t* latent, const std::int32_t* shifts, std::size_t count,
                            std::uint8_t* inputs) {
  for (std::size_t i = 0; i < count; ++i) {
    put(inputs, i, std::clamp(rounded(latent[i], shifts[i]), -128, 127) + 128);
  }
}

JAXCOMPRESS_TARGET void scale(const std::int32_t* sums, const std::int32_t* shifts, std::size_t count,
                              std::int32_t* values) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t right = std::max(shifts[i], 0);
    const std::int32_t left = std::max(-shifts[i], 0);
    values[i] = rounded(sums[i], right) << left;
  }
}

JAXCOMPRESS_TARGET void count_below(const std::int32_t* values, std::size_t count, const std::int32_t* thresholds,
                                    std::size_t threshold_count, std::uint8_t* counts) {
  constexpr std::size_t lanes = 16;
  for (std::size_t first = 0; first < count; first += lanes) {
    const std::size_t size = std::min(lanes, count - first);
    std::int32_t own[lanes] = {};
    std::copy_n(values + first, size, own);
    std::int32_t found[lanes] = {};
    for (std::size_t t = 0; t < threshold_count; ++t) {
      for (std::size_t i = 0; i < lanes; ++i) found[i] += own[i] > thresholds[t];
    }
    for (std::size_t i = 0; i < size; ++i) counts[first + i] = static_cast<std::uint8_t>(found[i]);
  }
}
