// The coder for Python: C-contiguous arrays of exact dtypes in, bytes and new arrays out. The checks that
// make friendly errors of anything else are in Python; here a wrong dtype or layout is a TypeError.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "jaxcompress/decoder.hpp"
#include "jaxcompress/encoder.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/pmf.hpp"
#include "jaxcompress/tables.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace jaxcompress {

void bind_lanes(py::module_& module);

namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

template <typename T>
std::span<const T> view(const Array<T>& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

template <typename T>
std::span<T> mutable_view(Array<T>& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

std::span<const std::uint8_t> view(const py::bytes& data) {
  const std::string_view text = data;
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::shared_ptr<CdfTables> make_tables(const Array<std::int32_t>& cdf, const Array<std::int32_t>& lengths,
                                       const Array<std::int32_t>& offsets) {
  if (cdf.ndim() != 2) throw std::invalid_argument(concat("cdf has ", cdf.ndim(), " dimensions, expected 2"));
  return std::make_shared<CdfTables>(view(cdf), static_cast<std::size_t>(cdf.shape(0)),
                                     static_cast<std::size_t>(cdf.shape(1)), view(lengths), view(offsets));
}

template <typename Index>
py::bytes encode_array(const Array<std::int32_t>& symbols, const Array<Index>& indexes,
                       const std::shared_ptr<CdfTables>& tables) {
  std::vector<std::uint8_t> stream;
  {
    const auto symbol_view = view(symbols);
    const auto index_view = view(indexes);
    py::gil_scoped_release release;
    stream = encode(symbol_view, index_view, *tables);
  }
  return {reinterpret_cast<const char*>(stream.data()), stream.size()};
}

// A Decoder that keeps what it refers to alive, and that threads may call at the same time (in an order that
// is theirs to arrange).
class SharedDecoder {
 public:
  SharedDecoder(py::bytes data, std::shared_ptr<CdfTables> tables)
      : data_(std::move(data)), tables_(std::move(tables)), decoder_(view(data_), *tables_) {}

  template <typename Index>
  Array<std::int32_t> decode(const Array<Index>& indexes) {
    Array<std::int32_t> symbols(std::vector<py::ssize_t>(indexes.shape(), indexes.shape() + indexes.ndim()));
    const auto index_view = view(indexes);
    const auto symbol_view = mutable_view(symbols);
    {
      // In this order: a thread that waited for the mutex while it held the GIL would stop its owner.
      py::gil_scoped_release release;
      const std::lock_guard lock(mutex_);
      decoder_.decode(index_view, symbol_view);
    }
    return symbols;
  }

  void finish() {
    py::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    decoder_.finish();
  }

 private:
  py::bytes data_;
  std::shared_ptr<CdfTables> tables_;
  Decoder decoder_;
  std::mutex mutex_;
};

Array<std::int32_t> pmf_to_cdf_array(const Array<float>& pmf, std::int64_t precision) {
  const std::vector<std::int32_t> cdf = pmf_to_cdf(view(pmf), precision);
  return Array<std::int32_t>(static_cast<py::ssize_t>(cdf.size()), cdf.data());
}

template <typename Index>
void bind_index_type(py::module_& module, py::class_<SharedDecoder>& decoder) {
  module.def("encode", &encode_array<Index>, "symbols"_a.noconvert(), "indexes"_a.noconvert(), "tables"_a);
  decoder.def("decode", &SharedDecoder::decode<Index>, "indexes"_a.noconvert());
}

}  // namespace
}  // namespace jaxcompress

PYBIND11_MODULE(_rans, module) {
  using namespace jaxcompress;

  auto stream_error = py::register_exception<StreamError>(module, "StreamError", PyExc_ValueError);
  stream_error.doc() = "A stream that is damaged, or was not written with the tables and indexes given.";

  py::class_<CdfTables, std::shared_ptr<CdfTables>>(module, "CdfTables")
      .def(py::init(&make_tables), "cdf"_a.noconvert(), "lengths"_a.noconvert(), "offsets"_a.noconvert())
      .def("__len__", &CdfTables::size);

  py::class_<SharedDecoder> decoder(module, "Decoder");
  decoder.def(py::init<py::bytes, std::shared_ptr<CdfTables>>(), "data"_a, "tables"_a)
      .def("finish", &SharedDecoder::finish);

  bind_index_type<std::uint8_t>(module, decoder);
  bind_index_type<std::int32_t>(module, decoder);

  module.def("pmf_to_cdf", &pmf_to_cdf_array, "pmf"_a.noconvert(), "precision"_a);

  bind_lanes(module);
}
