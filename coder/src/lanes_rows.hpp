// Rows of lanes in vectors of kWidth lanes.
//
// No header in the usual sense: a source file for one instruction set includes it inside its own unnamed namespace,
// after it has defined
//   JAXCOMPRESS_TARGET         the attribute that lets a function use the instructions
//   JAXCOMPRESS_TARGET_INLINE  the same for functions that are always inlined
//   kWidth                     the lanes of a vector
//   Vector                     32 bits for each of them
//   load, store                of any memory
// and then defines the functions that are only declared here.
// Nothing here has external linkage, so no other code can come to use these instructions by accident.

// Where the cells are that decode the symbols from `position` on, by lanes with these states.
template <typename Index>
JAXCOMPRESS_TARGET_INLINE Vector locate_cells(const DecodeRows<Index>& job, std::size_t position, Vector states);

// Decodes kWidth symbols, from `position` on, with the cells at `at`; returns the next words.
template <typename Index>
JAXCOMPRESS_TARGET_INLINE const std::uint16_t* decode_vector(const DecodeRows<Index>& job, std::size_t position,
                                                             Vector& states, const std::uint32_t* at,
                                                             const std::uint16_t* words);

// Where the entries are that encode the symbols from `position` on.
template <typename Index>
JAXCOMPRESS_TARGET_INLINE Vector locate_entries(const EncodeRows<Index>& job, std::size_t position);

// Encodes kWidth symbols, from the one before `end` down, with the entries at `at`, of which the last comes first;
// returns the end of the words.
template <typename Index>
JAXCOMPRESS_TARGET_INLINE std::uint16_t* encode_vector(const EncodeRows<Index>& job, std::size_t end, Vector& states,
                                                       const std::uint32_t* at, std::uint16_t* words);

// The states `after`, but for the lanes in `slow`, as bits, those that decode_slowly() makes of the states `before`.
template <typename Index>
JAXCOMPRESS_TARGET_INLINE Vector decode_slow_lanes(const DecodeRows<Index>& job, std::size_t position, unsigned slow,
                                                   Vector before, Vector after) {
  alignas(Vector) std::uint32_t states[kWidth];
  alignas(Vector) std::uint32_t results[kWidth];
  store(states, before);
  store(results, after);
  for (; slow != 0; slow &= slow - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(slow));
    results[lane] = decode_slowly(job, position + lane, states[lane]);
  }
  return load(results);
}

// Gives the lanes in `slow`, as bits, the entries that find_entry() has for them.
template <typename Index>
JAXCOMPRESS_TARGET_INLINE void find_slow_entries(const EncodeRows<Index>& job, std::size_t end, unsigned slow,
                                                 Vector& codes, Vector& reciprocals) {
  alignas(Vector) std::uint32_t found_codes[kWidth];
  alignas(Vector) std::uint32_t found_reciprocals[kWidth];
  store(found_codes, codes);
  store(found_reciprocals, reciprocals);
  for (; slow != 0; slow &= slow - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(slow));
    const LaneEntry entry = find_entry(job, end - 1 - i);
    found_codes[i] = entry.start | std::uint32_t{entry.width} << 16;
    found_reciprocals[i] = entry.reciprocal;
  }
  codes = load(found_codes);
  reciprocals = load(found_reciprocals);
}

template <std::size_t kLanes, typename Index>
JAXCOMPRESS_TARGET const std::uint16_t* decode_rows(const DecodeRows<Index>& job) {
  constexpr std::size_t kVectors = kLanes / kWidth;
  Vector states[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) states[v] = load(job.states + v * kWidth);
  const std::uint16_t* words = job.words;
  for (std::size_t position = 0; position < job.rows * kLanes; position += kLanes) {
    alignas(Vector) std::uint32_t at[kLanes];
    _Pragma("GCC unroll 8")
    for (std::size_t v = 0; v < kVectors; ++v) {
      store(at + v * kWidth, locate_cells(job, position + v * kWidth, states[v]));
    }
    through_memory(at);
    _Pragma("GCC unroll 8")
    for (std::size_t v = 0; v < kVectors; ++v) {
      words = decode_vector(job, position + v * kWidth, states[v], at + v * kWidth, words);
    }
    if (words > job.words_end) throw_ends_early();
  }
  for (std::size_t v = 0; v < kVectors; ++v) store(job.states + v * kWidth, states[v]);
  return words;
}

template <std::size_t kLanes, typename Index>
JAXCOMPRESS_TARGET std::uint16_t* encode_rows(const EncodeRows<Index>& job) {
  constexpr std::size_t kVectors = kLanes / kWidth;
  Vector states[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) states[v] = load(job.states + v * kWidth);
  std::uint16_t* words = job.words;
  for (std::size_t end = job.rows * kLanes; end > 0; end -= kLanes) {
    alignas(Vector) std::uint32_t at[kLanes];
    _Pragma("GCC unroll 8")
    for (std::size_t v = 0; v < kVectors; ++v) {
      store(at + v * kWidth, locate_entries(job, end - kLanes + v * kWidth));
    }
    through_memory(at);
    _Pragma("GCC unroll 8")
    for (std::size_t v = 0; v < kVectors; ++v) {
      words = encode_vector(job, end - v * kWidth, states[v], at + kLanes - (v + 1) * kWidth, words);
    }
  }
  for (std::size_t v = 0; v < kVectors; ++v) store(job.states + v * kWidth, states[v]);
  return words;
}
