// Weights in the order in which products with them go.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace jaxcompress {

// Zeros to begin with, aligned for every vector.
template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size)
      : data_(static_cast<T*>(::operator new[](size * sizeof(T), kAlignment))), size_(size) {
    std::fill_n(data_.get(), size, T{});
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::align_val_t kAlignment{64};

  struct Delete {
    void operator()(T* data) const { ::operator delete[](data, kAlignment); }
  };
  std::unique_ptr<T[], Delete> data_;
  std::size_t size_ = 0;
};

// Outputs are computed in panels of this many, of which the last is padded.
inline constexpr std::size_t kPanel = 16;

// Weights are stored in groups of panels, row after row of a group, so that what is used together lies together. The
// rows of a block are used by all positions before the next ones: together with those, which are fetched meanwhile,
// they leave some room in a first cache of 32 KB.
template <typename Word>
struct Packing {
  static constexpr std::size_t kGroup = 6;
  static constexpr std::size_t kBlock = 32;
};
template <>
struct Packing<std::int32_t> {
  static constexpr std::size_t kGroup = 3;
  static constexpr std::size_t kBlock = 48;
};

// A matrix of 4-byte words, each of which has the weights of one output for as many inputs as it holds.
template <typename Word>
class PackedWeights {
 public:
  static_assert(sizeof(Word) == 4);

  // `word(row, output)` gives the words.
  template <typename Source>
  PackedWeights(std::size_t rows, std::size_t outputs, const Source& word)
      : rows_(rows), outputs_(outputs), words_(rows * width() + Packing<Word>::kBlock * kColumns) {
    // One block more than there is, since whole blocks are fetched ahead, from wherever the next one begins.
    for (std::size_t first = 0; first < outputs; first += kColumns) {
      const std::size_t count = std::min(kColumns, outputs - first);
      const std::size_t stride = std::min(kColumns, width() - first);
      for (std::size_t row = 0; row < rows; ++row) {
        Word* target = words_.data() + first * rows + row * stride;
        for (std::size_t o = 0; o < count; ++o) target[o] = word(row, first + o);
      }
    }
  }

  std::size_t rows() const { return rows_; }
  std::size_t outputs() const { return outputs_; }
  std::size_t panels() const { return (outputs_ + kPanel - 1) / kPanel; }
  // Outputs with the padding.
  std::size_t width() const { return panels() * kPanel; }
  const Word* data() const { return words_.data(); }

 private:
  // Of a group.
  static constexpr std::size_t kColumns = Packing<Word>::kGroup * kPanel;

  std::size_t rows_;
  std::size_t outputs_;
  Buffer<Word> words_;
};

}  // namespace jaxcompress
