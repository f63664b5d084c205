"""That `verify` finds all ways equal, that it finds a way that is not, and what its hash hangs on."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxcompress import Codec, coder
from jaxcompress.codec import strings
from jaxcompress.codec.latents import LatentCoder
from jaxcompress.entropy import CodingTables
from jaxcompress.integer import FORMS, IntegerEvaluator, IntegerNetworks, quantize_entropy
from jaxcompress.priors import Raster
from jaxcompress.verification import verify
from jaxcompress.verification.synthetic_latents import draw_symbols


def image_file(pixels):
    """A file whose bytes no image library decides."""
    return b"P6\n%d %d\n255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes()


@pytest.fixture(scope="module")
def codec_of(golden_of, with_integers):
    codecs = {}

    def make(architecture):
        if architecture not in codecs:
            codecs[architecture] = Codec(with_integers(golden_of(architecture).weights))
        return codecs[architecture]

    return make


def different(report):
    return {row.way for row in report.rows if row.different}


@pytest.mark.parametrize(
    ("architecture", "recorded"),
    [
        ("mbt2018-mean", "30d3f165a842219c9f572c39b7ebc65d"),
        ("mbt2018", "cb020d7440431e680e41945f5fcf726b"),
        ("bmshj2018-factorized", "5a70494b65edd14c25f6a6647fda56ec"),
    ],
)
def test_all_ways_are_equal_and_the_hash_is_the_recorded_one(codec_of, photo, architecture, recorded):
    codec = codec_of(architecture)
    steps = []
    report = verify(codec, [("a", image_file(photo))], step=lambda *step: steps.append(step))
    assert different(report) == set()
    assert [row.equal for row in report.rows] == [1] * len(report.rows)
    assert {way for _, way in steps} == {row.way for row in report.rows}
    ways = {row.way for row in report.rows}
    if codec.model.layout.side is not None:
        assert {f"hyper-synthesis, JAX {form} on cpu" for form in FORMS} < ways
    if isinstance(codec.model.layout.last.prior, Raster):
        assert {f"context, {isa}" for isa in coder.instruction_sets("matrix_i8")} < ways
        assert {"coding, portable, 1 thread, wavefront", "coding, portable, 2 threads, raster"} < ways
    assert report.hash == recorded


@pytest.mark.parametrize("architecture", [pytest.param("mbt2018-mean", marks=pytest.mark.slow), "mbt2018"])
def test_quantized_networks_are_equal_in_all_ways(golden_of, photo, architecture):
    seen = np.pad(photo, ((0, 155), (0, 181), (0, 0)), mode="reflect")
    codec = Codec(quantize_entropy(golden_of(architecture).weights, [seen]))
    report = verify(codec, [("a", image_file(photo)), ("a.jxc", codec.compress(photo))])
    assert different(report) == set()
    assert {row.equal for row in report.rows} == {2}


def test_a_form_with_another_index_is_found(codec_of, photo, monkeypatch):
    right = IntegerEvaluator.hyper_synthesis

    def wrong(self, z, size=None):
        found = right(self, z, size)
        if self.form == "int8":
            found = found._replace(indexes=found.indexes.copy())
            found.indexes[0, 0, 0] ^= 1
        return found

    monkeypatch.setattr(IntegerEvaluator, "hyper_synthesis", wrong)
    report = verify(codec_of("mbt2018-mean"), [("a", image_file(photo))])
    assert different(report) == {"hyper-synthesis, JAX int8 on cpu"}
    (row,) = (row for row in report.rows if row.different)
    assert (row.equal, row.different) == (0, (("a", "indexes"),))
    assert not report.all_equal


def test_a_kernel_with_another_mean_is_found(codec_of, photo, monkeypatch):
    right = coder.IntegerContextModel.predict

    def wrong(self, y_hat, side, *, threads=1):
        indexes, means = right(self, y_hat, side, threads=threads)
        return indexes, means + (threads == 2)

    monkeypatch.setattr(coder.IntegerContextModel, "predict", wrong)
    report = verify(codec_of("mbt2018"), [("a", image_file(photo))])
    assert different(report) == {f"context, {isa}" for isa in coder.instruction_sets("matrix_i8")}


@pytest.mark.parametrize("architecture", ["mbt2018-mean", "mbt2018"])
def test_another_stream_and_another_latent_are_found(codec_of, photo, monkeypatch, architecture):
    encode, decode = LatentCoder.encode, LatentCoder.decode

    def wrong_encode(self, y, z, chunk, *, native, threads, numbers):
        *others, last = encode(self, y, z, chunk, native=native, threads=threads, numbers=numbers)
        return [*others, last._replace(data=last.data + b"\0" * (threads == 3))]

    def wrong_decode(self, strings, shape, chunk, *, order, threads, numbers):
        return decode(self, strings, shape, chunk, order=order, threads=threads, numbers=numbers) + (threads == 2)

    monkeypatch.setattr(LatentCoder, "encode", wrong_encode)
    monkeypatch.setattr(LatentCoder, "decode", wrong_decode)
    report = verify(codec_of(architecture), [("a", image_file(photo))], threads=(1, 2, 3))
    assert different(report) == {row.way for row in report.rows if "2 threads" in row.way or "3 threads" in row.way}
    for row in report.rows:
        for difference in row.different:
            assert difference.what == ("latents" if "2 threads" in row.way else "streams")


def test_lanes_of_another_instruction_set_are_found(codec_of, photo, monkeypatch):
    monkeypatch.setattr(strings, "LANES_FROM", 1)
    monkeypatch.setattr(strings, "PART_BYTES", 16)
    right = coder.decode_lanes

    def wrong(*args, isa, **how):
        return right(*args, isa=isa, **how) + (isa == "portable")

    monkeypatch.setattr(coder, "decode_lanes", wrong)
    report = verify(codec_of("mbt2018-mean"), [("a", image_file(photo))], threads=(1, 2))
    assert different(report) == {"coding, portable, 1 thread, lanes", "coding, portable, 2 threads, lanes"}


def test_chunks_are_equal_and_change_the_hash(codec_of, photo, small_chunks):
    codec = codec_of("mbt2018")
    whole = verify(codec, [("a", image_file(photo))], threads=[2])
    small_chunks(4)
    report = verify(codec, [("a", image_file(photo)), ("a.jxc", codec.compress(photo))], threads=[2])
    assert different(report) == set()
    assert report.hash != whole.hash


def test_latents_that_are_not_the_encoder_s_are_found(codec_of, photo, monkeypatch):
    decode = LatentCoder.decode
    monkeypatch.setattr(LatentCoder, "decode", lambda *args, **how: decode(*args, **how) + np.float32(1))
    report = verify(codec_of("mbt2018-mean"), [("a", image_file(photo))])
    assert different(report) == {"round trip"}


def test_a_file_that_does_not_decode_differs(codec_of, photo, monkeypatch):
    codec = codec_of("mbt2018")
    data = codec.compress(photo)
    whole = verify(codec, [("a.jxc", data)])
    assert different(whole) == set()

    def fail(*args, **how):
        raise coder.StreamError("it ends too early")

    monkeypatch.setattr(LatentCoder, "decode", fail)
    report = verify(codec, [("a.jxc", data)])
    assert different(report) == {"round trip"}
    assert report.hash != whole.hash


def test_files_of_others_are_skipped_with_a_reason(codec_of, golden_of, photo):
    codec = codec_of("mbt2018-mean")
    data = codec.compress(photo)
    sources = {
        "good": data,
        "other": codec_of("mbt2018").compress(photo),
        "float": Codec(golden_of("mbt2018-mean").weights).compress(photo),
        "damaged": data[:-1],
        "text": b"no image",
    }
    report = verify(codec, sources.items())
    assert {row.equal for row in report.rows} == {1}
    assert set(report.skipped) == set(sources) - {"good"}
    for name, why in (
        ("other", "other weights"),
        ("float", "floating-point"),
        ("damaged", "damaged"),
        ("text", "imag"),
    ):
        assert why in report.skipped[name]
    assert report.hash == verify(codec, [("alone", data)]).hash


def test_the_hash_is_of_pictures_and_decoding_networks_and_not_of_analysis(codec_of, photo):
    codec = codec_of("mbt2018-mean")
    a, b = image_file(photo), image_file(photo[:64])
    first = verify(codec, [("a", a), ("b", b)]).hash
    assert verify(codec, [("b", b), ("c", a)]).hash == first
    assert verify(codec, [("a", a)]).hash != first
    params = dict(codec.weights.params)
    params["g_a"] = jax.tree.map(lambda array: array * np.float32(1.01), params["g_a"])
    other_analysis = Codec(dataclasses.replace(codec.weights, params=params))
    assert other_analysis.compress(photo) != codec.compress(photo)
    assert verify(other_analysis, [("a", a), ("b", b)]).hash == first
    arrays = dict(codec.weights.integer.arrays())
    arrays["hyper_synthesis/2/bias"] = arrays["hyper_synthesis/2/bias"] + np.int32(1)
    other_networks = Codec(dataclasses.replace(codec.weights, integer=IntegerNetworks.from_arrays(arrays)))
    assert verify(other_networks, [("a", a), ("b", b)]).hash != first


def test_symbols_are_drawn_as_often_as_tables_say():
    cdf = np.array([[0, 16384, 49152, 65536, 0], [0, 1, 8192, 24576, 65536]], np.int32)
    tables = CodingTables(cdf, np.array([4, 5], np.int32), np.array([-1, 10], np.int32))
    indexes = np.arange(80_000).reshape(2, 200, 200) % 2
    drawn = draw_symbols(tables, indexes, b"seed")
    assert drawn.shape == indexes.shape
    for row, frequencies in ((0, {-1: 0.25, 0: 0.5}), (1, {11: 0.125, 12: 0.25})):
        for symbol, frequency in frequencies.items():
            assert np.mean(drawn[indexes == row] == symbol) == pytest.approx(frequency, abs=0.01)
    escaped = drawn[indexes == 1][~np.isin(drawn[indexes == 1], (10, 11, 12))]
    assert len(escaped) == pytest.approx(40_000 * 0.625, rel=0.02)
    assert (escaped.min(), escaped.max()) == (10 - 256, 12 + 256)
    assert np.mean(escaped > 12) == pytest.approx(0.5, abs=0.02)
    assert (draw_symbols(tables, indexes, b"seed") == drawn).all()
    assert (draw_symbols(tables, indexes, b"other") != drawn).any()
