"""The readable decoder gives what the codec gives, and refuses what the format's pages refuse."""

import subprocess
import sys
import zlib

import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxcompress import Codec, coder, reference
from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.codec import container, jxc, strings
from jaxcompress.priors import Raster
from jaxcompress.reference.lanes import decode_lanes
from jaxcompress.reference.latents import _positions, decode_strings
from jaxcompress.reference.rans import decode_rans
from jaxcompress.reference.tables import Row

# The others, cheng2020's above all, take long to compile.
FAST = ("bmshj2018-factorized", "mbt2018-mean", "mbt2018")


@pytest.fixture(scope="session")
def codec_of(golden_of, integer_weights_of, tmp_path_factory):
    """A function from architecture to a codec, and the file that its weights are in."""
    folder, made = tmp_path_factory.mktemp("weights"), {}

    def find(architecture):
        if architecture not in made:
            golden = golden_of(architecture).weights
            weights = integer_weights_of(architecture) if golden.model().layout.side is not None else golden
            path = folder / f"{architecture}.safetensors"
            weights.save(path)
            made[architecture] = Codec(weights), path
        return made[architecture]

    return find


@pytest.fixture(scope="session")
def picture(golden_of):
    """A part of a photograph, uint8 [40, 70, 3]."""
    return np.rint(golden_of("mbt2018-mean").x[0, :40, :70] * 255).astype(np.uint8)


def check(codec, path, picture):
    """Codes a picture, compares what both decoders make of the file, and returns the file."""
    data = codec.compress(picture)
    header, coded = container.unpack(data)
    shape = header.padded_height // 16, header.padded_width // 16
    latents = codec._coders[header.entropy_mode]
    expected = latents.decode(coded, shape, header.chunk_size, order=header.symbol_order, threads=1)
    found = reference.decode_latents(data, path)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    decoded = reference.decode(data, path)
    assert decoded.shape == picture.shape
    np.testing.assert_allclose(decoded.astype(int), codec.decompress(data), atol=1, rtol=0)
    return reference.read_file(data)


@pytest.mark.parametrize(
    "architecture", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in COMPRESSAI]
)
def test_latents_are_equal_and_pixels_within_one(architecture, codec_of, picture, monkeypatch):
    codec, path = codec_of(architecture)
    file = check(codec, path, picture)
    assert file.symbol_order == isinstance(codec.model.layout.last.prior, Raster)
    assert file.entropy_mode == (codec.model.layout.side is not None)
    check(codec, path, picture[..., 0])
    monkeypatch.setattr(jxc, "_CHUNK", 3)
    monkeypatch.setattr(jxc, "MIN_CHUNK", 1)
    monkeypatch.setattr(reference.container, "MIN_CHUNK", 1)
    assert len(check(codec, path, picture).strings) - (codec.model.layout.side is not None) > 1


def test_lanes_of_several_parts_decode(codec_of, picture, monkeypatch):
    monkeypatch.setattr(strings, "LANES_FROM", 1)
    monkeypatch.setattr(strings, "PART_SYMBOLS", 100)
    monkeypatch.setattr(strings, "PART_BYTES", 8)
    codec, path = codec_of("mbt2018-mean")
    file = check(codec, path, picture)
    assert [string.stream_format for string in file.strings] == [1, 1]
    assert file.strings[1].data[0] >> 1 > 0


def small_tables():
    """Tables of three to forty symbols, as the coder and as the reference takes them."""
    random = np.random.default_rng(3)
    lengths = np.array([3, 5, 12, 41], np.int32)
    offsets = np.array([0, -2, -5, -20], np.int32)
    cdf = np.zeros((4, 41), np.int32)
    for row, length in zip(cdf, lengths, strict=True):
        row[1 : length - 1] = np.sort(random.choice(np.arange(1, 2**16), length - 2, replace=False))
        row[length - 1] = 2**16
    rows = [Row(row[:length].tolist(), int(offset)) for row, length, offset in zip(cdf, lengths, offsets, strict=True)]
    return coder.CdfTables(cdf, lengths, offsets), rows


SYMBOLS = [(count, size) for count in (0, 1, 31, 32, 33, 500) for size in (1, 30, 10**6)]


@pytest.mark.parametrize(("count", "size"), SYMBOLS)
def test_streams_of_the_coder_decode(count, size):
    tables, rows = small_tables()
    random = np.random.default_rng(count)
    indexes = random.integers(0, len(rows), count).astype(np.int32)
    symbols = np.rint(random.normal(size=count) * size).astype(np.int32)
    wanted = [rows[i] for i in indexes]
    assert decode_rans(coder.encode(symbols, indexes, tables), wanted) == symbols.tolist()
    for lanes, parts in ((32, 1), (32, 3), (64, 1), (64, 7)):
        data = coder.encode_lanes(symbols, indexes, tables, lanes=lanes, parts=parts)
        assert decode_lanes(data, wanted) == symbols.tolist()


def found_or_none(decode, *arguments):
    """What a decoder makes of a stream, or None if it refuses it."""
    try:
        return list(decode(*arguments))
    except ValueError:
        return None


@pytest.mark.parametrize("size", [1, 20])
@pytest.mark.parametrize("lanes", [False, True])
def test_changed_streams_are_refused_where_the_coder_refuses_them(lanes, size):
    tables, rows = small_tables()
    random = np.random.default_rng(5)
    indexes = random.integers(0, len(rows), 100).astype(np.int32)
    symbols = np.rint(random.normal(size=100) * size).astype(np.int32)
    data = (coder.encode_lanes if lanes else coder.encode)(symbols, indexes, tables)
    changed = [bytearray(data) for _ in range(8 * len(data))]
    for i, copy in enumerate(changed):
        copy[i // 8] ^= 1 << i % 8
    refused = 0
    for copy in [*map(bytes, changed), data[:-4], data + bytes(4), data[:-1], b""]:
        expected = found_or_none(coder.decode_lanes if lanes else coder.decode, copy, indexes, tables)
        assert found_or_none(decode_lanes if lanes else decode_rans, copy, [rows[i] for i in indexes]) == expected
        refused += expected is None
    assert refused > len(changed) / 2


def test_wavefronts_go_by_column_and_three_times_the_row():
    assert _positions(2, 5, 5, 1) == [
        (0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (0, 4), (1, 1), (1, 2), (1, 3), (1, 4),
    ]  # fmt: skip
    assert _positions(2, 2, 5, 0) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def with_checksums(data, place, value):
    """A file with other bytes at a place of its header, and checksums that fit."""
    data = bytearray(data)
    end = 7 + data[6]
    data[place : place + len(value)] = value
    data[end - 4 : end] = zlib.crc32(data[: end - 4]).to_bytes(4, "little")
    data[-4:] = zlib.crc32(data[:-4]).to_bytes(4, "little")
    return bytes(data)


def test_damaged_files_are_refused(codec_of, picture):
    codec, path = codec_of("bmshj2018-factorized")
    data = codec.compress(picture)
    for i in range(0, len(data), 3):
        damaged = data[:i] + bytes([data[i] ^ 16]) + data[i + 1 :]
        with pytest.raises(ValueError, match=r"damaged|no \.jxc|version"):
            reference.decode_latents(damaged, path)
        with pytest.raises(ValueError, match=r"damaged|no \.jxc"):
            reference.decode_latents(data[:i], path)


def test_values_that_the_page_does_not_list_are_refused(codec_of, picture):
    codec, path = codec_of("bmshj2018-factorized")
    data = codec.compress(picture)
    after = 9 + len("bmshj2018-factorized")  # the place of N
    assert data[after + 2 : after + 4] == bytes([picture.shape[1], picture.shape[0]])
    for place, value, message in (
        (4, b"\x05", "version"),
        (7, b"\x01", "entropy mode"),
        (7, b"\x02", "symbol order"),
        (9, b"x", "architecture"),
        (after + 2, b"\x00", "width is 0"),
        (after + 2, b"\x7f", "padding"),
        (after + 4, b"\x05", "padding"),
        (after + 6, b"\x00", "chunk height is 0"),
        (after + 6, b"\x01", "chunks are 1 latents"),
        (after + 8, b"\x00\x01\x02", "bits fingerprint"),
        (after + 24, b"\x02", "in the middle|number of strings"),
        (after + 25, bytes([data[after + 25] | 3]), "stream format"),
        (after + 25, bytes([data[after + 25] ^ 4]), "strings have"),
        (after + 27, b"\x00\x01\x02", "checksum of a string"),
    ):
        with pytest.raises(ValueError, match=message):
            reference.decode_latents(with_checksums(data, place, value), path)


def test_parameters_are_checked_before_y_is_decoded(codec_of, picture):
    codec, path = codec_of("mbt2018-mean")
    data, arrays = codec.compress(picture), load_file(path)
    file = reference.read_file(data)
    arrays["integer/hyper_synthesis/2/bias"] = arrays["integer/hyper_synthesis/2/bias"] + 1000
    with pytest.raises(ValueError, match="bits fingerprint"):
        reference.decode_latents(data, arrays)
    with pytest.raises(ValueError, match="networks were not computed"):
        decode_strings(file, arrays)


def test_other_weights_of_the_synthesis_give_no_picture(codec_of, picture):
    codec, path = codec_of("bmshj2018-factorized")
    data, arrays = codec.compress(picture), load_file(path)
    arrays["params/g_s/0/bias"] = arrays["params/g_s/0/bias"] + 1
    with pytest.raises(ValueError, match="synthesis fingerprint"):
        reference.decode(data, arrays)


def test_tables_of_floating_point_networks_are_refused(golden_of, tmp_path, picture):
    weights = golden_of("mbt2018-mean").weights
    weights.save(tmp_path / "float.safetensors")
    with pytest.raises(ValueError, match="entropy mode 0"):
        reference.decode_latents(Codec(weights).compress(picture), tmp_path / "float.safetensors")


def test_it_needs_numpy_and_safetensors_alone():
    others = "('jax', 'flax', 'scipy', 'jaxcompress.coder')"
    code = f"import sys, jaxcompress.reference; print([m for m in {others} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
