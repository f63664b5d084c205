// The stream coder for Python: arrays in, bytes and new arrays out.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "jaxcompress/batch.hpp"
#include "jaxcompress/decoder.hpp"
#include "jaxcompress/encoder.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/tables.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace jaxcompress {
namespace {

// With fewer symbols, giving the GIL away and getting it back would take a good part of the time.
constexpr std::size_t kFewSymbols = 4096;

using Tables = std::shared_ptr<CdfTables>;

std::vector<py::ssize_t> shape_of(const py::array& array) {
  return {array.shape(), array.shape() + array.ndim()};
}

// `where` begins the message.
void check_shapes(const py::array& symbols, const py::array& indexes, const std::string& where = "") {
  if (shape_of(symbols) == shape_of(indexes)) return;
  const auto text = [](const py::array& array) { return std::string(py::str(array.attr("shape"))); };
  throw std::invalid_argument(concat(where, "symbols has shape ", text(symbols), " but indexes has shape ",
                                     text(indexes), "; give one index per symbol"));
}

// Calls code(span) with indexes of their type.
template <typename Code>
auto with_indexes(const py::array& indexes, Code code) {
  if (is_exact<std::uint8_t>(indexes)) return code(view<std::uint8_t>(indexes));
  return code(view<std::int32_t>(indexes));
}

// Calls code(), without the GIL if that is worth it.
template <typename Code>
auto run(std::size_t symbols, Code code) {
  if (symbols < kFewSymbols) return code();
  py::gil_scoped_release release;
  return code();
}

// The same while it holds the mutex.
template <typename Code>
auto run_locked(std::mutex& mutex, std::size_t symbols, Code code) {
  if (symbols < kFewSymbols) {
    const std::unique_lock lock(mutex, std::try_to_lock);
    if (lock) return code();
  }
  // In this order: a thread that waited for the mutex while it held the GIL would stop its owner.
  py::gil_scoped_release release;
  const std::lock_guard lock(mutex);
  return code();
}

std::shared_ptr<CdfTables> make_tables(const Array<std::int32_t>& cdf, const Array<std::int32_t>& lengths,
                                       const Array<std::int32_t>& offsets) {
  if (cdf.ndim() != 2) throw std::invalid_argument(concat("cdf has ", cdf.ndim(), " dimensions, expected 2"));
  return std::make_shared<CdfTables>(view<std::int32_t>(cdf), static_cast<std::size_t>(cdf.shape(0)),
                                     static_cast<std::size_t>(cdf.shape(1)), view<std::int32_t>(lengths),
                                     view<std::int32_t>(offsets));
}

py::bytes encode_array(py::handle symbols, py::handle indexes, const Tables& tables) {
  const py::array symbol_values = int32_array("symbols", symbols);
  const py::array index_values = index_array(indexes);
  check_shapes(symbol_values, index_values);
  const auto symbol_view = view<std::int32_t>(symbol_values);
  return with_indexes(index_values, [&](auto index_view) {
    const auto code = [&] { return encode_stream(symbol_view, index_view, *tables); };
    return to_bytes(run(symbol_view.size(), code).bytes());
  });
}

// An Encoder that keeps its tables alive, and that threads may call at the same time (in an order that is
// theirs to arrange).
class SharedEncoder {
 public:
  explicit SharedEncoder(Tables tables) : tables_(std::move(tables)), encoder_(*tables_) {}

  void encode(py::handle symbols, py::handle indexes) {
    const py::array symbol_values = int32_array("symbols", symbols);
    const py::array index_values = index_array(indexes);
    check_shapes(symbol_values, index_values);
    const auto symbol_view = view<std::int32_t>(symbol_values);
    with_indexes(index_values, [&](auto index_view) {
      run_locked(mutex_, symbol_view.size(), [&] { encoder_.encode(symbol_view, index_view); });
    });
  }

  py::bytes finish() {
    return to_bytes(run_locked(mutex_, kFewSymbols, [&] { return encoder_.finish(); }).bytes());
  }

 private:
  Tables tables_;
  Encoder encoder_;
  std::mutex mutex_;
};

// A Decoder, likewise, that keeps its stream alive too.
class SharedDecoder {
 public:
  SharedDecoder(py::bytes data, Tables tables)
      : data_(std::move(data)), tables_(std::move(tables)), decoder_(view(data_), *tables_) {}

  py::array decode(py::handle indexes) {
    const py::array index_values = index_array(indexes);
    Array<std::int32_t> symbols(shape_of(index_values));
    const auto symbol_view = mutable_view(symbols);
    with_indexes(index_values, [&](auto index_view) {
      run_locked(mutex_, symbol_view.size(), [&] { decoder_.decode(index_view, symbol_view); });
    });
    return symbols;
  }

  void finish() {
    run_locked(mutex_, 0, [&] { decoder_.finish(); });
  }

 private:
  py::bytes data_;
  Tables tables_;
  Decoder decoder_;
  std::mutex mutex_;
};

// Calls code(index) with a value of the type that all arrays of a list have.
template <typename Code>
py::list with_index_type(const py::list& indexes, Code code) {
  for (const py::handle array : indexes) {
    if (!is_exact_array<std::uint8_t>(array)) return code(std::int32_t{});
  }
  return code(std::uint8_t{});
}

// Lists of C-contiguous arrays, of equal lengths; all indexes of one dtype.
py::list encode_arrays(const py::list& symbols, const py::list& indexes, const Tables& tables,
                       std::size_t threads) {
  return with_index_type(indexes, [&](auto index) {
    using Index = decltype(index);
    std::vector<PictureToEncode<Index>> pictures;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const py::array symbol_values = symbols[i];
      const py::array index_values = indexes[i];
      check_shapes(symbol_values, index_values, concat("picture ", i, ": "));
      pictures.push_back({view<std::int32_t>(symbol_values), view<Index>(index_values)});
    }
    std::vector<Stream> streams;
    {
      py::gil_scoped_release release;
      streams = encode_batch(std::span<const PictureToEncode<Index>>(pictures), *tables, threads);
    }
    py::list result;
    for (const Stream& stream : streams) result.append(to_bytes(stream.bytes()));
    return result;
  });
}

// The symbols of all pictures are one array, of which each picture has a part: for a system, one large block of
// memory is much less work than many blocks.
py::list decode_arrays(const py::list& streams, const py::list& indexes, const Tables& tables,
                       std::size_t threads) {
  return with_index_type(indexes, [&](auto index) {
    using Index = decltype(index);
    std::vector<PictureToDecode<Index>> pictures;
    py::ssize_t count = 0;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const py::bytes stream = streams[i];
      const py::array index_values = indexes[i];
      pictures.push_back({view(stream), view<Index>(index_values), {}});
      count += index_values.size();
    }
    Array<std::int32_t> symbols(count);
    py::list result;
    std::int32_t* begin = symbols.mutable_data();
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const py::array index_values = indexes[i];
      pictures[i].symbols = {begin, static_cast<std::size_t>(index_values.size())};
      result.append(Array<std::int32_t>(shape_of(index_values), begin, symbols));
      begin += index_values.size();
    }
    {
      py::gil_scoped_release release;
      decode_batch(std::span<const PictureToDecode<Index>>(pictures), *tables, threads);
    }
    return result;
  });
}

}  // namespace

void bind_rans(py::module_& module) {
  py::class_<CdfTables, std::shared_ptr<CdfTables>>(module, "CdfTables")
      .def(py::init(&make_tables), "cdf"_a.noconvert(), "lengths"_a.noconvert(), "offsets"_a.noconvert())
      .def("__len__", &CdfTables::size);

  py::class_<SharedEncoder>(module, "Encoder")
      .def(py::init<Tables>(), "tables"_a)
      .def("encode", &SharedEncoder::encode, "symbols"_a, "indexes"_a)
      .def("finish", &SharedEncoder::finish);

  py::class_<SharedDecoder>(module, "Decoder")
      .def(py::init<py::bytes, Tables>(), "data"_a, "tables"_a)
      .def("decode", &SharedDecoder::decode, "indexes"_a)
      .def("finish", &SharedDecoder::finish);

  module.def("encode", &encode_array, "symbols"_a, "indexes"_a, "tables"_a);
  module.def("encode_batch", &encode_arrays, "symbols"_a, "indexes"_a, "tables"_a, "threads"_a);
  module.def("decode_batch", &decode_arrays, "streams"_a, "indexes"_a, "tables"_a, "threads"_a);
}

}  // namespace jaxcompress
