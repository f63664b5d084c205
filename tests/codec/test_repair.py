"""Strings that were written where a scale fell on the other side of a threshold."""

import logging
import time

import numpy as np
import pytest

from jaxcompress.codec import BitstreamError, chunks, container, repair, stages
from jaxcompress.codec.coded_string import CodedString, SymbolOrder
from jaxcompress.codec.context import context_model

TABLE = tuple(np.float32([0.11, 0.5, 2, 8]).tolist())
MODELS = ["bmshj2018-hyperprior", "mbt2018-mean"]


@pytest.fixture
def photo(golden_of) -> np.ndarray:
    """A photograph, uint8 [128, 128, 3]."""
    return np.rint(golden_of("mbt2018-mean").x[0] * 255).astype(np.uint8)


@pytest.mark.parametrize("format", ["jxc", "compressai"])
@pytest.mark.parametrize("architecture", MODELS)
@pytest.mark.parametrize("ranks", [[0], [1], [0, 1]], ids=str)
def test_files_decode_to_the_same_picture(
    architecture, format, ranks, golden_of, flip_scales, photo, monkeypatch, caplog
):
    codec = golden_of(architecture).codec
    data = codec.compress(photo, format=format)
    with monkeypatch.context() as patch:
        flip_scales(patch, ranks)
        other = codec.compress(photo, format=format)
    assert other != data
    with caplog.at_level(logging.INFO, "jaxcompress"):
        np.testing.assert_array_equal(codec.decompress(other), codec.decompress(data))
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert f"with {len(ranks)} of its 2048 scales on the other side" in record.getMessage()


@pytest.mark.parametrize("flipped", [[], [0]], ids=["as here", "elsewhere"])
def test_compressai_s_string_with_a_scale_next_to_a_threshold_decodes(
    flipped, golden_of, flip_scales, golden_folder, monkeypatch
):
    # One of its scales lies 1.9e-7 (relative) from a threshold, and not every float back end agrees on its side.
    case = np.load(golden_folder / "bmshj2018-hyperprior-near-threshold.npz")
    strings = [[case[f"strings/{group}/1"].tobytes()] for group in range(2)]
    flip_scales(monkeypatch, flipped)
    x_hat = golden_of("bmshj2018-hyperprior").codec.decompress_strings(strings, tuple(case["shape"].tolist()))
    difference = x_hat * 255 - case["x_hat"].transpose(0, 2, 3, 1)
    assert np.abs(difference).max() < 0.51  # the recorded picture is rounded


def test_every_chunk_is_repaired(golden_of, flip_scales, photo, monkeypatch, caplog, small_chunks):
    codec = golden_of("mbt2018-mean").codec
    expected = codec.decompress(codec.compress(photo))
    small_chunks(3)
    with monkeypatch.context() as patch:
        flip_scales(patch, [0, 1, 2])
        data = codec.compress(photo)
    assert len(container.unpack(data)[1]) == 10
    with caplog.at_level(logging.INFO, "jaxcompress"):
        np.testing.assert_array_equal(codec.decompress(data), expected)
    assert len(caplog.records) > 1


def test_scales_far_from_a_threshold_are_not_flipped(golden_of, flip_scales, photo, monkeypatch):
    codec = golden_of("mbt2018-mean").codec
    with monkeypatch.context() as patch:
        patch.setattr(repair, "MAX_DISTANCE", 1.0)
        patch.setattr(repair, "MAX_CANDIDATES", 2048)
        flip_scales(patch, [1000])
        data = codec.compress(photo)
    with pytest.raises(BitstreamError, match=r"indexes in doubt makes .* tries.* decode them with"):
        codec.decompress(data)


def test_no_time_is_left_after_the_limit(golden_of, flip_scales, photo, monkeypatch):
    codec = golden_of("mbt2018-mean").codec
    with monkeypatch.context() as patch:
        flip_scales(patch, [0])
        data = codec.compress(photo)
    codec.decompress(data)
    monkeypatch.setattr(chunks, "MAX_SECONDS", 0.0)
    with pytest.raises(BitstreamError, match="0 tries in the limit of 0 s"):
        codec.decompress(data)


def test_the_strings_of_a_picture_share_the_time(golden_of, monkeypatch):
    tables = golden_of("mbt2018-mean").weights.tables["gaussian_conditional"].coder_tables
    scales = np.full((1, 2, 1), 0.5, np.float32)
    monkeypatch.setattr(chunks, "MAX_SECONDS", 0.05)
    left = []

    def decode_repaired(*_, max_seconds):
        left.append(max_seconds)
        time.sleep(0.03)
        raise repair.coder.StreamError("")

    monkeypatch.setattr(repair.coder, "decode_repaired", decode_repaired)
    picture = chunks.Picture(np.zeros((1, 1, 1), np.int32), SymbolOrder.RASTER, 1, {})
    shared = repair.ScaleRepair(lambda area: scales[area], TABLE, tables, picture)
    for _ in range(3):
        with pytest.raises(repair.coder.StreamError):
            shared.decode(CodedString(b""), np.ones((1, 1, 1), np.uint8), np.s_[0:1, 0:1])
    assert left[0] == 0.05
    assert 0 < left[1] <= 0.02
    assert left[2] == 0


def test_nothing_is_computed_while_strings_decode(golden_of, monkeypatch):
    def unexpected(*_):
        raise AssertionError

    monkeypatch.setattr(stages, "scales", unexpected)
    for architecture in MODELS:
        case = golden_of(architecture)
        case.codec.decompress_strings(case.strings(), tuple(case.arrays["shape"].tolist()))


def test_doubts_are_the_nearest_scales_with_the_table_on_the_other_side():
    scales = np.array([[0.50001, 0.49999, 1.9999], [2.00003, 8.0, 0.2]], np.float32)
    indexes = np.array([[2, 1, 2], [3, 3, 1]], np.uint8)
    positions, alternatives, distances = repair.find_doubts(scales, indexes, TABLE)
    assert positions.tolist() == [3, 0, 1, 2]
    assert alternatives.tolist() == [2, 1, 2, 3]
    np.testing.assert_allclose(distances, [1.5e-5, 2e-5, 2e-5, 5e-5], rtol=1e-2)


def test_scales_without_another_side_are_in_no_doubt():
    # At the bound, far below and above it, beyond the last threshold, and none.
    scales = np.array([0.11, 0.05, -3, 0.110001, 2, 9, np.nan], np.float32)
    indexes = np.array([0, 0, 0, 1, 2, 3, 3], np.uint8)
    positions, alternatives, _ = repair.find_doubts(scales, indexes, TABLE)
    assert positions.tolist() == [0, 4, 3]
    assert alternatives.tolist() == [1, 3, 0]
    # Below the bound all scales are equal, so that a threshold there divides nothing.
    low = np.array([0.05, 0.0501], np.float32)
    assert not repair.find_doubts(low, np.ones(2, np.uint8), (0.05, *TABLE))[0].size
    assert not repair.find_doubts(low, np.zeros(2, np.uint8), (0.05,))[0].size


def test_only_so_many_and_only_near_scales_are_in_doubt():
    thresholds = np.float32(0.5) * (1 + np.linspace(1e-6, 2e-4, 200)).astype(np.float32)
    positions, _, distances = repair.find_doubts(thresholds[::-1], np.full(200, 2, np.uint8), TABLE)
    assert positions.tolist() == list(range(199, 199 - repair.MAX_CANDIDATES, -1))
    positions, _, distances = repair.find_doubts(thresholds[50:], np.full(150, 2, np.uint8), TABLE)
    assert len(positions) == 24
    positions, _, distances = repair.find_doubts(thresholds[90:], np.full(110, 2, np.uint8), TABLE)
    assert 0 < len(positions) < 12
    assert distances.max() <= repair.MAX_DISTANCE


# ---------------------------------------------------------------- scales that depend on the latents before them


class OtherKernel:
    """Encodes with the scale that is nearest to its threshold on the other side."""

    def __init__(self, codec):
        self._codec = codec
        self._kernel = codec._latents._chunks._kernel

    def encode_batch(self, ys, hypers, tables, *, order, threads):
        y_hat = self._kernel.decode(self._kernel.encode(ys[0], hypers[0], tables), hypers[0], tables)
        scales = self._kernel.predict(y_hat, hypers[0])[0].reshape(-1, 1)
        table = np.array(self._codec.weights.tables["gaussian_conditional"].scale_table)
        distances = np.abs(scales / table.astype(np.float64) - 1)
        distances[:, table < 0.3] = np.inf
        nearest, threshold = np.unravel_index(distances.argmin(), distances.shape)
        scale = scales[nearest, 0]
        table[threshold] = scale if scale > table[threshold] else np.nextafter(scale, np.float32(0))
        other = context_model(self._codec.model, self._codec.weights.params, table)
        return other.encode_batch(ys, hypers, tables, order=order, threads=threads)


@pytest.fixture(params=["mbt2018", "cheng2020-anchor"])
def autoregressive(request, golden_of):
    return golden_of(request.param).codec


def encode_elsewhere(codec, photo, format, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(codec._latents._chunks, "_kernel", OtherKernel(codec))
        return codec.compress(photo, format=format)


@pytest.mark.parametrize("format", ["jxc", "compressai"])
def test_autoregressive_files_decode_to_the_same_picture(autoregressive, format, photo, monkeypatch, caplog):
    data = autoregressive.compress(photo, format=format)
    other = encode_elsewhere(autoregressive, photo, format, monkeypatch)
    assert other != data
    with caplog.at_level(logging.INFO, "jaxcompress"):
        np.testing.assert_array_equal(autoregressive.decompress(other), autoregressive.decompress(data))
    (record,) = caplog.records
    assert "with 1 of its " in record.getMessage()


def test_autoregressive_strings_have_a_time_limit(autoregressive, photo, monkeypatch):
    other = encode_elsewhere(autoregressive, photo, "jxc", monkeypatch)
    monkeypatch.setattr(chunks, "MAX_SECONDS_AUTOREGRESSIVE", 0.0)
    with pytest.raises(BitstreamError, match="0 tries in the limit of 0 s"):
        autoregressive.decompress(other)
