"""Files of a model with a rate and four passes: their chunks, and what hostile ones must not do."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from jaxcompress import Codec, zoo
from jaxcompress.codec import BitstreamError, WeightsMismatchError, container
from jaxcompress.codec.coded_string import EntropyMode, StreamFormat, SymbolOrder
from jaxcompress.codec.side_information import IntegerSideInformation

SHAPE = 64, 64, 3
QUALITY = 60


@pytest.fixture(scope="module")
def codec():
    return Codec(zoo.load("light"))


@pytest.fixture
def square(photo):
    return photo[:64, :64]


@pytest.fixture
def data(codec, square):
    """A file of one chunk."""
    return codec.compress(square, quality=QUALITY)


def with_header(data, **changes):
    """The file with other fields of its header, and checksums of header and file that fit."""
    header, strings = container.unpack(data)
    return container.pack(dataclasses.replace(header, **changes), strings)


# ---------------------------------------------------------------- chunks


@pytest.mark.parametrize("quality", [1, 50, 100])
def test_chunks_decode_to_the_latents_that_were_coded(codec, photo, small_chunks, quality):
    small_chunks(3)
    header, strings = container.unpack(codec.compress(photo, quality=quality))
    assert header.chunk_size == (3, 3)
    assert len(strings) == 1 + 9
    coder, numbers = codec._coders[EntropyMode.INTEGER], dict(header.settings)
    y_hat = coder.decode(strings, (8, 8), (3, 3), order=header.symbol_order, threads=1, numbers=numbers)
    y, _ = codec.analyse(photo, numbers=numbers)
    assert np.abs(y_hat - y).max() <= 0.5 + 1e-3
    assert len(np.unique(y_hat)) > 20


def test_crops_are_parts_of_the_whole(codec, photo, small_chunks):
    small_chunks(3)
    data = codec.compress(photo, quality=QUALITY)
    whole = codec.decompress(data)
    for left, top, width, height in ((0, 0, 75, 101), (0, 0, 1, 1), (74, 100, 1, 1), (30, 20, 33, 70), (47, 47, 2, 2)):
        crop = codec.decompress_crop(data, left, top, width, height)
        np.testing.assert_array_equal(crop, whole[top : top + height, left : left + width])


def test_a_chunk_does_not_see_the_others(codec, photo, small_chunks):
    small_chunks(3)
    header, strings = container.unpack(codec.compress(photo, quality=QUALITY))
    first = (slice(0, 3), slice(0, 3))

    def decode(strings, area):
        coder, numbers = codec._coders[EntropyMode.INTEGER], dict(header.settings)
        return coder.decode(strings, (8, 8), (3, 3), order=header.symbol_order, threads=1, numbers=numbers, area=area)

    broken = [*strings[:9], strings[9]._replace(data=b"", checksum=0)]
    np.testing.assert_array_equal(decode(broken, first)[first], decode(strings, None)[first])
    with pytest.raises(BitstreamError, match="give other tables"):
        decode(broken, None)


# ---------------------------------------------------------------- headers that no writer makes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((), r"has the settings {}; light has rate \(the settings are none; the model has rate\)"),
        ((("detail", 59),), r"has the settings {'detail': 59}; light has rate"),
        ((("rate", 59), ("detail", 0)), r"the settings are detail, rate; the model has rate"),
        ((("rate", 145),), r"rate has no number 145; expected 0 to 144"),
        ((("rate", 2**32 - 1),), r"rate has no number 4294967295; expected 0 to 144"),
        ((("Rate", 59),), r"has the settings {'Rate': 59}"),
    ],
)
def test_settings_that_the_model_lacks_are_refused(codec, data, settings, message):
    for decode in (codec.decompress, lambda data: codec.decompress_crop(data, 0, 0, 1, 1)):
        with pytest.raises(BitstreamError, match=message):
            decode(with_header(data, settings=settings))


def test_a_setting_given_twice_is_refused(codec, data):
    number = bytes([dict(container.unpack(data).header.settings)["rate"]])
    once, twice = b"\x03\x06\x04rate" + number, b"\x03\x0c\x04rate" + number + b"\x04rate" + number
    assert data.count(once) == 1
    with pytest.raises(BitstreamError):
        codec.decompress(data.replace(once, twice))


@pytest.mark.parametrize("entropy", ["integer", "float"])
def test_strings_of_another_rate_never_give_a_picture(square, entropy):
    codec = Codec(zoo.load("light"), entropy=entropy)
    message = {"integer": "integer networks give other tables", "float": "the strings do not decode"}[entropy]
    rate = codec.model.layout.settings[0]
    for written in (0, 86, 144):
        data = codec.compress(square, quality=rate.quality_of(written))
        assert codec.decompress(with_header(data, settings=(("rate", written),))).shape == SHAPE
        for number in {0, 1, 44, 85, 86, 87, 143, 144} - {written}:
            with pytest.raises(BitstreamError, match=message):
                codec.decompress(with_header(data, settings=(("rate", number),)))


def test_other_orders_formats_and_modes_are_refused(codec, data, damage):
    with pytest.raises(BitstreamError, match=r"symbol order WAVEFRONT .*which no writer makes with these weights"):
        codec.decompress(with_header(data, symbol_order=SymbolOrder.WAVEFRONT))
    z, y = container.unpack(data)[1]
    with pytest.raises(BitstreamError, match=r"formats \['LANES'\], which no writer makes"):
        codec.decompress(damage.repack(data, [z, y._replace(format=StreamFormat.LANES)]))
    with pytest.raises(BitstreamError, match="the strings do not decode"):
        codec.decompress(damage.repack(data, [z._replace(format=StreamFormat.LANES), y]))
    with pytest.raises(WeightsMismatchError, match="was written with other weights"):
        codec.decompress(with_header(data, entropy_mode=EntropyMode.FLOAT))
    fingerprint = codec.weights.bits_fingerprint(integer=False)
    with pytest.raises(BitstreamError, match="CRC-32"):
        codec.decompress(with_header(data, entropy_mode=EntropyMode.FLOAT, bits_fingerprint=fingerprint))


def test_strings_in_other_places_are_refused(codec, data, photo, damage, small_chunks):
    z, y = container.unpack(data)[1]
    for strings in ([y, z], [z, z], [y, y], [z], [z, y, y], []):
        with pytest.raises(BitstreamError):
            codec.decompress(damage.repack(data, strings))
    small_chunks(4)
    chunked = codec.compress(photo, quality=QUALITY)
    z, *chunks = container.unpack(chunked)[1]
    for first in range(3):
        swapped = chunks.copy()
        swapped[first], swapped[first + 1] = chunks[first + 1], chunks[first]
        with pytest.raises(BitstreamError, match="give other tables"):
            codec.decompress(damage.repack(chunked, [z, *swapped]))


# ---------------------------------------------------------------- damage


def test_every_damaged_byte_and_every_cut_is_noticed(codec, data):
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        for wrong in (bytes(damaged), data[:place]):
            with pytest.raises(BitstreamError):
                codec.decompress(wrong)


def test_crops_of_damaged_files_are_right_or_refused(codec, photo, small_chunks):
    small_chunks(4)
    data = codec.compress(photo, quality=QUALITY)
    expected, refused = codec.decompress_crop(data, 0, 0, 20, 20), 0
    for place in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        try:
            np.testing.assert_array_equal(codec.decompress_crop(bytes(damaged), 0, 0, 20, 20), expected)
        except BitstreamError:
            refused += 1
    assert 0 < refused < len(range(0, len(data), 3))


def test_damaged_strings_are_refused(codec, data, damage):
    cases = [damage.repack(data, strings) for strings in damage.strings(data, 40)]
    assert all(damage.refused(codec, case, SHAPE) for case in cases)


def test_damage_that_checksums_do_not_see_raises_or_decodes_in_little_memory(codec, data, damage, monkeypatch):
    # Whoever makes a file can make checksums fit. Symbols may be anything then, and so may the tables of later passes.
    monkeypatch.setattr(IntegerSideInformation, "checksum", lambda *_: 0)
    cases = [damage.repack(data, damage.with_checksums(strings)) for strings in damage.strings(data, 40, seed=1)]
    codec.decompress(damage.repack(data, damage.with_checksums(container.unpack(data)[1])))
    tracemalloc.start()
    try:
        refused = sum(damage.refused(codec, case, SHAPE) for case in cases)
        assert tracemalloc.get_traced_memory()[1] < 2**24  # an undamaged file takes 7.1 MiB
    finally:
        tracemalloc.stop()
    assert refused >= 0.8 * len(cases)


@pytest.mark.parametrize("value", [2.0**27 - 200, -(2.0**27) + 200, 2.0**26, 70_000.0, -128.0])
def test_latents_of_any_size_decode(codec, value):
    latents, numbers = codec._coders[EntropyMode.INTEGER], {"rate": 49}
    y = np.random.default_rng(0).normal(0, 5, (4, 4, 256)).astype(np.float32)
    y[1:3, ::2] = value
    z = np.full((1, 1, 64), value, np.float32)
    strings = latents.encode(y, z, (4, 4), native=True, threads=1, numbers=numbers)
    y_hat = latents.decode(strings, (4, 4), (4, 4), order=latents.native_order, threads=1, numbers=numbers)
    exact = np.abs(y) < 2**17  # beyond, float32 has no 64ths
    assert np.abs(y_hat - y)[exact].max() <= 0.5 + 1e-3
    np.testing.assert_allclose(y_hat, y, rtol=1e-6, atol=0.51)


@pytest.mark.parametrize("place", [(0, 0, 0), (0, 1, 0), (1, 0, 64), (3, 3, 255)])
def test_latents_that_are_no_numbers_are_refused(codec, place):
    latents = codec._coders[EntropyMode.INTEGER]
    for value in (np.nan, np.inf):
        y, z = np.zeros((4, 4, 256), np.float32), np.zeros((1, 1, 64), np.float32)
        y[place] = value
        with pytest.raises(ValueError, match=rf"a latent is {value}, beyond the .* that can be coded"):
            latents.encode(y, z, (4, 4), native=True, threads=1, numbers={"rate": 49})
        y[place], z[0, 0, 5] = 0, value
        with pytest.raises(ValueError, match=rf"a latent is {value}, beyond the .* that can be coded"):
            latents.encode(y, z, (4, 4), native=True, threads=1, numbers={"rate": 49})
