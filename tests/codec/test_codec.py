"""Pictures through the codec, and everything that must not come out of it."""

import copy
import dataclasses
import operator
import pickle
import struct
import threading
import zlib

import jax
import numpy as np
import pytest
from flax import linen as nn
from flax import traverse_util

from jaxcompress import Codec, coder, metrics, models
from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.codec import BitstreamError, WeightsMismatchError, container
from jaxcompress.codec.coded_string import CodedString, SymbolOrder
from jaxcompress.models import FactorizedPrior

SIZES = [(1, 1), (1, 70), (64, 64), (65, 63)]


def reseal(data: bytes) -> bytes:
    return data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]))


@pytest.fixture(scope="module")
def codec(golden_of) -> Codec:
    return golden_of("mbt2018-mean").codec


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pictures_of_any_size_come_back_in_it(codec, photo, height, width):
    picture = photo[:height, :width]
    decoded = codec.decompress(codec.compress(picture))
    assert decoded.shape == (height, width, 3)
    assert decoded.dtype == np.uint8
    if height * width > 1000:
        assert metrics.psnr(decoded, picture) > 15


@pytest.mark.parametrize("architecture", COMPRESSAI)
def test_every_architecture_codes_a_photograph(architecture, golden_of, photo):
    codec = golden_of(architecture).codec
    data = codec.compress(photo)
    decoded = codec.decompress(data)
    assert metrics.psnr(decoded, photo) > 12  # small, briefly trained networks
    assert len(data) < photo.size / 10
    header, strings = container.unpack(data)
    assert header.architecture == architecture
    assert len(strings) == 1 + (codec.model.layout.side is not None)


def test_the_picture_is_the_rounded_reconstruction(codec, photo):
    picture = photo[:64, :64]
    x_hat = codec.decompress_strings(*codec.compress_strings(picture[None].astype(np.float32) / 255))
    np.testing.assert_array_equal(codec.decompress(codec.compress(picture)), np.rint(x_hat[0] * 255))


def test_a_new_codec_decodes_what_another_wrote(codec, photo):
    other = Codec(dataclasses.replace(codec.weights))
    data = codec.compress(photo)
    assert other.compress(photo) == data
    np.testing.assert_array_equal(other.decompress(data), codec.decompress(data))


def test_grey_pictures_stay_grey(codec, photo):
    decoded = codec.decompress(codec.compress(photo[..., 1]))
    assert decoded.shape == photo.shape[:2]
    assert metrics.psnr(decoded, photo[..., 1]) > 15


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "mbt2018-mean", "mbt2018"])
def test_chunks_of_a_large_picture_cover_it(architecture, golden_of, photo, monkeypatch, small_chunks):
    codec = golden_of(architecture).codec
    whole = codec.decompress(codec.compress(photo))
    small_chunks(3)
    data = codec.compress(photo)
    assert len(container.unpack(data)[1]) > 4
    decoded = codec.decompress(data)
    if architecture == "mbt2018":  # the context starts anew in each chunk, so other values come out
        assert metrics.psnr(decoded, photo) > metrics.psnr(whole, photo) - 1
    else:
        np.testing.assert_array_equal(decoded, whole)


def test_batches_are_the_single_pictures_in_order(codec, photo):
    pictures = [photo, photo[:64, :64], photo[10:90, 3:70, 0]]
    files = codec.compress_batch(pictures)
    assert files == [codec.compress(picture) for picture in pictures]
    for decoded, file in zip(codec.decompress_batch(files), files, strict=True):
        np.testing.assert_array_equal(decoded, codec.decompress(file))


def test_a_codec_may_be_shared_between_threads(codec, photo):
    expected = codec.compress(photo)
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(codec.compress(photo))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_icc_profiles_are_kept(codec, photo):
    assert container.unpack(codec.compress(photo, icc_profile=b"colours"))[0].icc_profile == b"colours"


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_other_arrays_are_no_pictures(codec, picture):
    with pytest.raises(ValueError, match="expected uint8"):
        codec.compress(picture)


def test_unknown_formats_and_missing_names_raise(codec, photo):
    with pytest.raises(ValueError, match="format is 'png'"):
        codec.compress(photo, format="png")
    nameless = Codec(dataclasses.replace(codec.weights, metadata={}))
    with pytest.raises(ValueError, match="--quality"):
        nameless.compress(photo, format="compressai")


def test_strings_of_wrong_shape_raise(codec, golden_of):
    case = golden_of("mbt2018-mean")
    strings, shape = case.strings(), tuple(case.arrays["shape"])
    with pytest.raises(ValueError, match="groups"):
        codec.decompress_strings(strings[:1], shape)
    with pytest.raises(ValueError, match="groups"):
        codec.decompress_strings([strings[0], strings[1][:1]], shape)
    with pytest.raises(BitstreamError, match="do not decode"):
        codec.decompress_strings(strings, (shape[0] + 1, shape[1]))
    for wrong in (0, 0), (-1, 2):
        with pytest.raises(ValueError, match="expected the positive height and width"):
            codec.decompress_strings(strings, wrong)
    for wrong in (case.x[:, :63], case.x[:0]):
        with pytest.raises(ValueError, match="x has shape"):
            codec.compress_strings(wrong)


def test_the_limit_on_pixels_holds_for_both_formats(codec, photo):
    for format in ("jxc", "compressai"):
        data = codec.compress(photo, format=format)
        assert codec.decompress(data, max_pixels=128 * 128).shape == photo.shape
        with pytest.raises(BitstreamError, match="max_pixels"):
            codec.decompress(data, max_pixels=128 * 128 - 1)


def scaled(weights, path, factor=1.0001):
    """The weights with the parameters under a path changed a little."""
    flat = traverse_util.flatten_dict(dict(weights.params), sep="/")
    changed = {name: a * np.float32(factor) if name.startswith(path) else a for name, a in flat.items()}
    assert any((changed[name] != flat[name]).any() for name in flat)
    return dataclasses.replace(weights, params=traverse_util.unflatten_dict(changed, sep="/"))


@pytest.mark.parametrize(
    "path", ["h_s", "g_s", "context_prediction", "entropy_parameters", "entropy_bottleneck/quantiles"]
)
def test_weights_that_differ_where_it_matters_are_refused(path, golden_of, photo):
    case = golden_of("mbt2018")
    data = case.codec.compress(photo[:16, :16])
    with pytest.raises(WeightsMismatchError, match="other weights"):
        Codec(scaled(case.weights, path)).decompress(data)


@pytest.mark.parametrize("name", ["entropy_bottleneck", "gaussian_conditional"])
def test_other_tables_are_refused(name, codec, photo):
    tables = codec.weights.tables[name]
    cdf = tables.cdf.copy()
    cdf[0, np.argmax(np.diff(cdf[0])) + 1] -= 1
    other = {**codec.weights.tables, name: dataclasses.replace(tables, cdf=cdf)}
    with pytest.raises(WeightsMismatchError, match="other weights"):
        Codec(dataclasses.replace(codec.weights, tables=other)).decompress(codec.compress(photo))


def test_weights_of_another_architecture_are_refused(codec, golden_of, photo):
    with pytest.raises(WeightsMismatchError, match="other weights"):
        golden_of("bmshj2018-hyperprior").codec.decompress(codec.compress(photo))


class Sharpening(FactorizedPrior):
    """A model with a part of its own."""

    def setup(self):
        super().setup()
        self.sharpen = self.param("sharpen", nn.initializers.ones, (3,))


def test_parts_of_a_custom_model_count_as_deciding(golden_of):
    weights = golden_of("bmshj2018-factorized").weights
    custom = dataclasses.replace(
        weights,
        params={**weights.params, "sharpen": np.ones(3, np.float32)},
        module=Sharpening(n=weights.n, m=weights.m),
    )
    assert custom.bits_fingerprint() != weights.bits_fingerprint()
    assert custom.synthesis_fingerprint() == weights.synthesis_fingerprint()


def test_weights_are_checked_when_they_are_made(golden_of):
    weights = golden_of("bmshj2018-factorized").weights
    with pytest.raises(ValueError, match="has no parameters sharpen"):
        dataclasses.replace(weights, params={**weights.params, "sharpen": np.ones(3, np.float32)})


def test_fingerprints_are_made_once_and_arrays_are_not_copied_again(golden_of, monkeypatch):
    weights = dataclasses.replace(golden_of("bmshj2018-factorized").weights, metadata={"quality": 3})
    expected = weights.fingerprints()
    monkeypatch.setattr("jaxcompress.weights.fingerprint", lambda arrays: "made again")
    assert weights.fingerprints() == expected
    again = dataclasses.replace(weights, metadata={"quality": 4})
    assert all(map(operator.is_, jax.tree.leaves(again.params), jax.tree.leaves(weights.params)))
    assert set(again.fingerprints().values()) == {"made again"}


def test_a_file_that_was_read_is_decoded_without_reading_it_again(codec, photo, monkeypatch):
    data = codec.compress(photo)
    expected = codec.decompress(data)
    file = container.unpack(data)
    monkeypatch.setattr(container, "unpack", None)
    np.testing.assert_array_equal(codec.decompress(file), expected)
    np.testing.assert_array_equal(codec.decompress_crop(file, 5, 7, 20, 30), expected[7:37, 5:25])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"padding": (13, 13, 26, 27)}, "does not fit"),
        ({"settings": (("rate", 3),)}, "settings {'rate': 3}; mbt2018-mean has none"),
        ({"chunk_size": (257, 64)}, "chunks are 257 x 64 latents; expected 16 to 256 each way"),
        ({"chunk_size": (1, 1)}, "chunks are 1 x 1 latents; expected 16 to 256 each way"),
        ({"width": 30000, "padding": (13, 14, 8, 8)}, "strings, where|do not decode|does not fit|expected 16 to 256"),
        ({"architecture": "mbt2018"}, "other weights"),
        ({"n": 23}, "other weights"),
    ],
)
def test_header_fields_are_checked_against_the_weights(codec, photo, change, message):
    header, strings = container.unpack(codec.compress(photo))
    with pytest.raises(BitstreamError, match=message):
        codec.decompress(container.pack(dataclasses.replace(header, **change), strings))


def test_the_chunks_lie_in_raster_order(codec, photo, monkeypatch, small_chunks):
    how = {"order": SymbolOrder.RASTER, "threads": 1}
    whole = codec._latents.decode(container.unpack(codec.compress(photo))[1], (8, 8), (8, 8), **how)
    small_chunks(5)
    z, first, second, *_ = container.unpack(codec.compress(photo))[1]
    latents = codec._latents
    z_symbols = latents.decode_z(z, (8, 8), threads=1)
    for string, area in ((first, np.s_[0:5, 0:5]), (second, np.s_[0:5, 5:8])):
        indexes, means = latents._side(z_symbols, area, {})
        tables = codec.weights.tables["gaussian_conditional"].coder_tables
        symbols = coder.decode(string.data, indexes.transpose(2, 0, 1), tables).transpose(1, 2, 0)
        np.testing.assert_array_equal(symbols.astype(np.float32) + means, whole[area])


def test_later_changes_to_the_arrays_do_not_reach_the_codec(golden_of, photo):
    weights = golden_of("mbt2018-mean").weights
    with pytest.raises(ValueError, match="read-only"):
        weights.params["g_s"]["0"]["bias"][:] = 0
    with pytest.raises(ValueError, match="read-only"):
        weights.tables["entropy_bottleneck"].cdf[:] = 0
    params = jax.tree.map(np.array, dict(weights.params))
    codec = Codec(dataclasses.replace(weights, params=params))
    before = codec.compress(photo)
    params["g_a"]["0"]["kernel"][:] = 0
    assert codec.compress(photo) == before


def test_weights_can_be_pickled(codec, photo):
    again = pickle.loads(pickle.dumps(codec.weights))
    assert Codec(again).compress(photo) == codec.compress(photo)
    assert copy.deepcopy(codec.weights).bits_fingerprint() == codec.weights.bits_fingerprint()


def test_weights_that_do_not_decide_the_picture_may_differ(codec, photo):
    params = dict(codec.weights.params)
    params["g_a"] = jax.tree.map(lambda a: a * np.float32(0.5), params["g_a"])
    other = Codec(dataclasses.replace(codec.weights, params=params))
    data = codec.compress(photo)
    np.testing.assert_array_equal(other.decompress(data), codec.decompress(data))


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "mbt2018-mean", "mbt2018"])
def test_damage_never_gives_a_picture(architecture, golden_of, photo):
    codec = golden_of(architecture).codec
    data = codec.compress(photo[:64, :64])
    rng = np.random.default_rng(0)
    for position in rng.integers(0, 8 * len(data), 60):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(BitstreamError):
            codec.decompress(bytes(damaged))
    for length in rng.integers(0, len(data), 20):
        with pytest.raises(BitstreamError):
            codec.decompress(data[:length])
    with pytest.raises(BitstreamError):
        codec.decompress(data + b"\0")


@pytest.mark.slow
def test_strings_damaged_behind_the_checksum_s_back_raise_or_decode(golden_of, photo):
    # With all checksums made right again only the coder's own checks are left. They find nearly all damage, and
    # whatever they let through is a picture of the right size.
    codec = golden_of("mbt2018-mean").codec
    header, strings = container.unpack(codec.compress(photo[:64, :64]))
    found = 0
    for i, string in enumerate(strings):
        for position in range(8 * len(string.data)):
            damaged = bytearray(string.data)
            damaged[position // 8] ^= 1 << position % 8
            changed = CodedString(bytes(damaged), string.format, zlib.crc32(damaged))
            try:
                data = container.pack(header, [*strings[:i], changed, *strings[i + 1 :]])
                assert codec.decompress(data).shape == (64, 64, 3)
            except BitstreamError:
                found += 1
    assert found >= 0.99 * 8 * sum(len(string.data) for string in strings)


def test_unsound_weights_are_told(codec, photo):
    params = dict(codec.weights.params)
    params["g_a"] = jax.tree.map(lambda a: a * np.float32(1e20), params["g_a"])
    with pytest.raises(ValueError, match="beyond the"):
        Codec(dataclasses.replace(codec.weights, params=params)).compress(photo)


class InPasses(models.ScaleHyperprior):
    """Scales that depend on y, as those of a context in two passes do."""

    def gaussian_parameters(self, hyper, y_hat):
        return hyper + 0 * y_hat, None


class WithAnOption(models.ScaleHyperprior):
    def gaussian_parameters(self, hyper, factor=1):
        return factor * hyper, None


def test_models_whose_parameters_need_more_than_their_prior_gives_are_refused(golden_of):
    case = golden_of("bmshj2018-hyperprior")
    model = case.weights.model()
    with pytest.raises(ValueError, match=r"InPasses\.gaussian_parameters needs more than the output of h_s"):
        Codec(dataclasses.replace(case.weights, module=InPasses(n=model.n, m=model.m)))
    Codec(dataclasses.replace(case.weights, module=WithAnOption(n=model.n, m=model.m)))
