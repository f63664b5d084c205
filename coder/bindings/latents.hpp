// What the bindings of models of latents share: checks of arrays, and coding of lists of pictures.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "arrays.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/order.hpp"
#include "jaxcompress/tables.hpp"

namespace jaxcompress {

template <typename T>
std::size_t extent(const Array<T>& array, pybind11::ssize_t axis) {
  return static_cast<std::size_t>(array.shape(axis));
}

// The shape as Python writes it.
template <typename T>
std::string shape_of(const Array<T>& array) {
  return pybind11::str(array.attr("shape"));
}

template <typename T>
void check_dimensions(std::string_view name, const Array<T>& array, pybind11::ssize_t dimensions,
                      std::string_view expected) {
  if (array.ndim() == dimensions) return;
  throw std::invalid_argument(concat(name, " has shape ", shape_of(array), ", expected ", expected));
}

template <typename T>
void check_context_kernel(const Array<T>& kernel) {
  check_dimensions("context_kernel", kernel, 4, "[k, k, M, outputs]");
  if (kernel.shape(0) == kernel.shape(1)) return;
  throw std::invalid_argument(concat("context_kernel has shape ", shape_of(kernel), ", expected two equal sides"));
}

inline Order order_of(const std::string& name) {
  if (name == "raster") return Order::kRaster;
  if (name == "wavefront") return Order::kWavefront;
  throw std::invalid_argument(concat("order is '", name, "', expected 'raster' or 'wavefront'"));
}

inline std::size_t count_of(std::int64_t threads) {
  if (threads < 1) throw std::invalid_argument(concat("threads is ", threads, ", expected at least 1"));
  return static_cast<std::size_t>(threads);
}

// Side information of pictures, which messages call `name`.
template <typename Side, typename T>
std::vector<Side> sides_of(std::string_view name, const std::vector<Array<T>>& arrays) {
  std::vector<Side> sides;
  for (const Array<T>& array : arrays) {
    check_dimensions(name, array, 3, "[h, w, C]");
    sides.push_back({extent(array, 0), extent(array, 1), view<T>(array)});
  }
  return sides;
}

template <typename Side, typename Model>
void check_latent_shape(const Array<float>& latent, const Side& side, std::string_view name, const Model& model) {
  if (latent.ndim() == 3 && extent(latent, 0) == side.height && extent(latent, 1) == side.width &&
      extent(latent, 2) == model.channels()) {
    return;
  }
  throw std::invalid_argument(concat("y has shape ", shape_of(latent), ", expected (", side.height, ", ", side.width,
                                     ", ", model.channels(), "), as ", name, " and the model say"));
}

template <typename Side, typename Model, typename T>
std::vector<pybind11::bytes> encode_arrays(const Model& model, std::string_view name,
                                           const std::vector<Array<float>>& latents,
                                           const std::vector<Array<T>>& side_arrays, const CdfTables& tables,
                                           const std::string& order, std::int64_t threads) {
  const auto sides = sides_of<Side>(name, side_arrays);
  std::vector<std::span<const float>> views;
  for (const Array<float>& latent : latents) {
    if (views.size() < sides.size()) check_latent_shape(latent, sides[views.size()], name, model);
    views.push_back(view<float>(latent));
  }
  std::vector<std::vector<std::uint8_t>> streams;
  {
    const Order stream_order = order_of(order);
    const std::size_t count = count_of(threads);
    pybind11::gil_scoped_release release;
    streams = encode_latents(model, views, sides, tables, stream_order, count);
  }
  std::vector<pybind11::bytes> result;
  for (const auto& stream : streams) result.push_back(to_bytes(stream));
  return result;
}

template <typename Side, typename Model, typename T>
std::vector<Array<float>> decode_arrays(const Model& model, std::string_view name,
                                        const std::vector<pybind11::bytes>& streams,
                                        const std::vector<Array<T>>& side_arrays, const CdfTables& tables,
                                        const std::string& order, std::int64_t threads) {
  const auto sides = sides_of<Side>(name, side_arrays);
  std::vector<std::span<const std::uint8_t>> views;
  for (const pybind11::bytes& stream : streams) views.push_back(view(stream));
  std::vector<Array<float>> latents;
  std::vector<std::span<float>> targets;
  for (const Array<T>& side : side_arrays) {
    latents.emplace_back(std::vector<pybind11::ssize_t>{side.shape(0), side.shape(1),
                                                        static_cast<pybind11::ssize_t>(model.channels())});
    targets.push_back(mutable_view(latents.back()));
  }
  const Order stream_order = order_of(order);
  const std::size_t count = count_of(threads);
  pybind11::gil_scoped_release release;
  decode_latents(model, views, sides, tables, stream_order, count, targets);
  return latents;
}

}  // namespace jaxcompress
