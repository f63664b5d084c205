// Drives the coder's batches and its Encoder with random and damaged input; meant to be compiled with
// sanitizers, as fuzz_decoder.cpp is, and for the threads with -fsanitize=thread too.
//
//   ./fuzz_batch CASES SEED
//
// Exits with 0 if every case gave what the coder gives for one picture at a time.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cases.hpp"
#include "jaxcompress/batch.hpp"
#include "jaxcompress/decoder.hpp"
#include "jaxcompress/encoder.hpp"
#include "jaxcompress/errors.hpp"

namespace {

using namespace fuzz;

// The message of the error that `action` throws, or nothing.
template <typename Action>
std::optional<std::string> error_of(Action action) {
  try {
    action();
  } catch (const std::invalid_argument& error) {
    return error.what();
  } catch (const jaxcompress::StreamError& error) {
    return error.what();
  }
  return std::nullopt;
}

// Notes what the batch must say, if this is the first picture with an error.
void note(std::optional<std::string>& expected, std::size_t picture,
          const std::optional<std::string>& error) {
  if (error && !expected) expected = "picture " + std::to_string(picture) + ": " + *error;
}

template <typename Index>
std::vector<Bytes> check_encoding(const std::vector<Message<Index>>& messages, const CdfTables& tables,
                                  std::size_t threads) {
  std::vector<Bytes> streams;
  std::vector<jaxcompress::PictureToEncode<Index>> pictures;
  std::optional<std::string> expected;
  for (const Message<Index>& message : messages) {
    streams.emplace_back();
    note(expected, pictures.size(),
         error_of([&] { streams.back() = encode(message.symbols, message.indexes, tables); }));
    pictures.push_back({message.symbols, message.indexes});
  }
  const auto error = error_of([&] {
    const auto coded = jaxcompress::encode_batch<Index>(pictures, tables, threads);
    for (std::size_t i = 0; i < coded.size(); ++i) {
      require(std::ranges::equal(coded[i].bytes(), streams[i]), "a batch has the streams of its pictures");
    }
  });
  require(error == expected, "encoding a batch fails as its first bad picture does");
  return streams;
}

template <typename Index>
void check_decoding(const std::vector<Message<Index>>& messages, const std::vector<Bytes>& streams,
                    const CdfTables& tables, std::size_t threads) {
  std::vector<Ints> single;
  std::vector<Ints> symbols;
  std::vector<jaxcompress::PictureToDecode<Index>> pictures;
  std::optional<std::string> expected;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::span<const Index> indexes(messages[i].indexes);
    single.emplace_back(indexes.size());
    symbols.emplace_back(indexes.size());
    note(expected, i, error_of([&] {
           jaxcompress::Decoder decoder(streams[i], tables);
           decoder.decode(indexes, std::span(single[i]));
           decoder.finish();
         }));
    pictures.push_back({streams[i], indexes, symbols[i]});
  }
  const auto error = error_of([&] { jaxcompress::decode_batch<Index>(pictures, tables, threads); });
  require(error == expected, "decoding a batch fails as its first bad picture does");
  if (!error) require(symbols == single, "a batch has the symbols of its pictures");
}

// The message in groups, through an Encoder.
template <typename Index>
void check_encoder(const Message<Index>& message, const Bytes& stream, const CdfTables& tables, Random& random) {
  const std::span<const std::int32_t> symbols(message.symbols);
  const std::span<const Index> indexes(message.indexes);
  jaxcompress::Encoder encoder(tables);
  bool failed = false;
  for (std::size_t begin = 0; begin < symbols.size();) {
    const std::size_t size = 1 + random.below(symbols.size() - begin);
    const auto encode = [&] { encoder.encode(symbols.subspan(begin, size), indexes.subspan(begin, size)); };
    if (error_of(encode)) failed = true;
    begin += size;
  }
  require(failed != message.codable, "groups are taken exactly if they can be coded");
  const auto coded = encoder.finish();
  if (!failed) require(std::ranges::equal(coded.bytes(), stream), "groups make the stream of the whole");
}

template <typename Index>
void check(Random& random) {
  const Arguments a = valid_arguments(random);
  const CdfTables tables = a.tables();
  const std::size_t threads = random.below(4);
  std::vector<Message<Index>> messages(random.below(9));
  for (auto& one : messages) {
    do one = message<Index>(a, random);
    while (!one.codable && !random.one_in(20));
  }
  const std::vector<Bytes> streams = check_encoding(messages, tables, threads);
  for (std::size_t i = 0; i < messages.size(); ++i) check_encoder(messages[i], streams[i], tables, random);

  std::vector<Bytes> bad = streams;
  for (Bytes& stream : bad) {
    if (!stream.empty() && random.one_in(6)) stream = damaged(stream, random);
  }
  check_decoding(messages, random.one_in(2) ? bad : streams, tables, threads);
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, [](Random& random) {
    random.one_in(2) ? check<std::uint8_t>(random) : check<std::int32_t>(random);
  });
}
