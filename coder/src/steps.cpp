#include "steps.hpp"

#include <algorithm>

namespace jaxcompress {

void Steps::add(const Size& size) {
  sizes_.push_back(size);
  if (size.height == 0 || size.width == 0) return;
  const bool raster = order_ == Order::kRaster;
  count_ = std::max(count_, raster ? size.height * size.width : size.width + slope() * (size.height - 1));
  most_ += raster ? 1 : std::min(size.height, (size.width - 1) / slope() + 1);
}

void Steps::list(std::size_t step, std::vector<Position>& positions) const {
  positions.clear();
  for (std::size_t picture = 0; picture < sizes_.size(); ++picture) {
    const Size& size = sizes_[picture];
    const Range range = rows(step, size);
    for (std::size_t row = range.begin; row < range.end; ++row) {
      positions.push_back({picture, row, order_ == Order::kRaster ? step % size.width : step - slope() * row});
    }
  }
}

void Steps::list_begun(std::size_t step, std::vector<Position>& positions) const {
  positions.clear();
  for (std::size_t picture = 0; picture < sizes_.size(); ++picture) {
    const Size& size = sizes_[picture];
    if (order_ == Order::kRaster) {
      const bool begins = size.width > 0 && step % size.width == 0 && step / size.width < size.height;
      for (std::size_t column = 0; begins && column < size.width; ++column) {
        positions.push_back({picture, step / size.width, column});
      }
    } else if (step % slope() == 0) {
      for (std::size_t next = step; next < step + slope(); ++next) {
        const Range range = rows(next, size);
        for (std::size_t row = range.begin; row < range.end; ++row) {
          positions.push_back({picture, row, next - slope() * row});
        }
      }
    }
  }
}

std::size_t Steps::first_taps() const {
  const std::size_t above = reach_ * (2 * reach_ + 1);
  return order_ == Order::kRaster ? above : above - reach_;
}

Range Steps::rows(std::size_t step, const Size& size) const {
  if (size.height == 0 || size.width == 0) return {};
  if (order_ == Order::kRaster) {
    const std::size_t row = step / size.width;
    return {row, std::min(row + 1, std::max(row, size.height))};
  }
  const std::size_t first = step < size.width ? 0 : (step - size.width) / slope() + 1;
  return {first, std::min(step / slope() + 1, size.height)};
}

}  // namespace jaxcompress
