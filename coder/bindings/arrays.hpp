// NumPy arrays as spans. What is C-contiguous and of the right dtype is taken as it is, at the cost of a few
// comparisons; anything else goes through coder/_arrays.py, which converts it or says what is wrong.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace jaxcompress {

template <typename T>
using Array = pybind11::array_t<T, pybind11::array::c_style>;

// Whether `value` is a C-contiguous array of T, in this machine's byte order and aligned.
template <typename T>
bool is_exact(const pybind11::array& array) {
  namespace detail = pybind11::detail;
  constexpr int wanted = detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | detail::npy_api::NPY_ARRAY_ALIGNED_;
  constexpr char kind = std::is_floating_point_v<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u';
  const pybind11::dtype dtype = array.dtype();
  return (array.flags() & wanted) == wanted && dtype.kind() == kind &&
         dtype.itemsize() == sizeof(T) && (dtype.byteorder() == '=' || dtype.byteorder() == '|');
}

// Whether `value` is an array of one of these types.
template <typename... T>
bool is_exact_array(pybind11::handle value) {
  if (!pybind11::isinstance<pybind11::array>(value)) return false;
  const auto array = pybind11::reinterpret_borrow<pybind11::array>(value);
  return (is_exact<T>(array) || ...);
}

inline pybind11::array converted(const char* converter, const char* name, pybind11::handle value) {
  return pybind11::module_::import("jaxcompress.coder._arrays").attr(converter)(name, value);
}

// `values` as an int32 array; `name` is for messages.
inline pybind11::array int32_array(const char* name, pybind11::handle values) {
  if (is_exact_array<std::int32_t>(values)) return pybind11::reinterpret_borrow<pybind11::array>(values);
  return converted("int32_array", name, values);
}

// `values` as a uint8 or int32 array.
inline pybind11::array index_array(pybind11::handle values) {
  if (is_exact_array<std::int32_t, std::uint8_t>(values)) {
    return pybind11::reinterpret_borrow<pybind11::array>(values);
  }
  return converted("index_array", "indexes", values);
}

template <typename T>
std::span<const T> view(const pybind11::array& array) {
  if (!is_exact<T>(array)) throw pybind11::type_error("an array has another dtype or layout than it must");
  return {static_cast<const T*>(array.data()), static_cast<std::size_t>(array.size())};
}

template <typename T>
std::span<T> mutable_view(Array<T>& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

inline std::span<const std::uint8_t> view(const pybind11::bytes& data) {
  const std::string_view text = data;
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline pybind11::bytes to_bytes(std::span<const std::uint8_t> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

}  // namespace jaxcompress
