"""Files in integer mode: how they are written, that every device reads them, and what must not come out of them."""

import dataclasses
import functools
import zlib

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from jaxcompress import Codec, load, metrics
from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.codec import BitstreamError, WeightsMismatchError, container
from jaxcompress.codec.coded_string import EntropyMode, SymbolOrder
from jaxcompress.codec.side_information import IntegerSideInformation
from jaxcompress.integer import IntegerEvaluator
from jaxcompress.priors import Raster

# Whose transforms take long to compile; what they are does not matter here.
SLOW = ("cheng2020-anchor", "cheng2020-attn")
HYPERPRIORS = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in COMPRESSAI if "factorized" not in name
]


@pytest.fixture(scope="module", params=HYPERPRIORS)
def codecs(request, golden_of, integer_weights_of):
    """A codec of weights with integer networks, and one of the same weights without them."""
    return Codec(integer_weights_of(request.param)), golden_of(request.param).codec


@pytest.fixture(scope="module")
def codec(integer_weights_of):
    """Of one architecture, where all are alike."""
    return Codec(integer_weights_of("mbt2018-mean"))


def changed(weights, part="hyper_synthesis"):
    """The weights with a bias of their integer networks changed by one."""
    *others, last = getattr(weights.integer, part)
    bias = last.bias.copy()
    bias[0] += 1
    layers = (*others, dataclasses.replace(last, bias=bias))
    return dataclasses.replace(weights, integer=dataclasses.replace(weights.integer, **{part: layers}))


@pytest.mark.parametrize("cut", [np.s_[:1, :1], np.s_[:64, :64], np.s_[:63, 5:38], np.s_[:64, :64, 1]], ids=str)
def test_files_are_integer_and_decode(codecs, photo, cut):
    codec, _ = codecs
    picture = photo[cut]
    data = codec.compress(picture)
    header, strings = container.unpack(data)
    assert header.entropy_mode == EntropyMode.INTEGER
    assert [zlib.crc32(string.data) == string.checksum for string in strings] == [True, False]
    assert header.bits_fingerprint == codec.weights.bits_fingerprint(integer=True)
    expected = SymbolOrder.WAVEFRONT if isinstance(codec.model.layout.last.prior, Raster) else SymbolOrder.RASTER
    assert header.symbol_order == expected
    decoded = codec.decompress(data)
    assert decoded.shape == picture.shape
    if picture.size > 1000:
        assert metrics.psnr(decoded, picture) > 12  # small, briefly trained networks


def test_threads_change_nothing(codecs, photo, monkeypatch, small_chunks):
    codec, _ = codecs
    small_chunks(3)
    monkeypatch.setattr("jaxcompress.codec.strings.LANES_FROM", 128)
    data = [codec.compress(photo, threads=threads) for threads in (1, 2)]
    assert data[0] == data[1]
    header, strings = container.unpack(data[0])
    assert len(strings) == 10
    decode = functools.partial(codec._coders[EntropyMode.INTEGER].decode, strings, (8, 8), header.chunk_size)
    found = [decode(order=header.symbol_order, threads=threads) for threads in (1, 2)]
    np.testing.assert_array_equal(*found)
    assert np.abs(found[0]).max() > 1


def test_latents_are_the_encoder_s(codecs, photo):
    # Rounded around means that the networks give for these very latents.
    codec, _ = codecs
    header, strings = container.unpack(codec.compress(photo[:64, :64]))
    latents = codec._coders[EntropyMode.INTEGER]
    y, z = codec.analyse(photo[:64, :64])
    y_hat = latents.decode(strings, (4, 4), header.chunk_size, order=header.symbol_order, threads=1)
    evaluator = IntegerEvaluator(codec.weights.integer, form="int8")
    found = evaluator.hyper_synthesis(np.rint(z - latents.medians))
    if isinstance(codec.model.layout.last.prior, Raster):
        found = evaluator.context_parameters(y_hat, found)
    means = np.float32(0) if found.means is None else found.means.astype(np.float32) / np.float32(64)
    np.testing.assert_array_equal(y_hat, np.rint(y - means) + means)


def test_one_codec_decodes_both_modes(codecs, photo):
    codec, plain = codecs
    picture = photo[:64, :64]
    as_float = Codec(codec.weights, entropy="float").compress(picture)
    assert as_float == plain.compress(picture)
    header, strings = container.unpack(as_float)
    assert header.entropy_mode == EntropyMode.FLOAT
    assert all(zlib.crc32(string.data) == string.checksum for string in strings)
    assert header.bits_fingerprint == codec.weights.bits_fingerprint() != codec.weights.bits_fingerprint(integer=True)
    np.testing.assert_array_equal(codec.decompress(as_float), plain.decompress(as_float))
    data = codec.compress(picture)
    assert data != as_float
    assert Codec(codec.weights, entropy="integer").compress(picture) == data
    np.testing.assert_array_equal(Codec(codec.weights, entropy="float").decompress(data), codec.decompress(data))


def test_compressai_s_strings_stay_float(codecs, photo):
    codec, plain = codecs
    x = photo[None, :64, :64].astype(np.float32) / 255
    strings, shape = codec.compress_strings(x)
    assert strings == plain.compress_strings(x)[0]
    np.testing.assert_array_equal(codec.decompress_strings(strings, shape), plain.decompress_strings(strings, shape))
    data = codec.compress(photo[:64, :64], format="compressai")
    assert data == plain.compress(photo[:64, :64], format="compressai")
    np.testing.assert_array_equal(codec.decompress(data), plain.decompress(data))


@pytest.mark.parametrize("architecture", ["mbt2018-mean", "mbt2018"])
def test_wide_pictures_have_chunks(architecture, integer_weights_of, photo):
    codec = Codec(integer_weights_of(architecture))
    wide = np.tile(photo[:40], (1, 15, 1))
    data = codec.compress(wide)
    header, strings = container.unpack(data)
    assert header.chunk_size == (4, 64)
    assert len(strings) == 3
    assert metrics.psnr(codec.decompress(data), wide) > 15


def test_unknown_modes_and_modes_without_networks_raise(golden_of):
    weights = golden_of("mbt2018-mean").weights
    with pytest.raises(ValueError, match="entropy is 'exact'; expected 'integer' or 'float'"):
        Codec(weights, entropy="exact")
    with pytest.raises(ValueError, match=r"no integer networks. `jaxcompress convert` and .*quantize_entropy make"):
        Codec(weights, entropy="integer")


# ---------------------------------------------------------------- files that do not belong here


def test_files_need_the_networks_they_were_written_with(codecs, photo):
    codec, plain = codecs
    data = codec.compress(photo[:64, :64])
    with pytest.raises(WeightsMismatchError, match=r"which the weights at hand lack.*it was written with"):
        plain.decompress(data)
    for part in (
        ("hyper_synthesis", "context") if isinstance(codec.model.layout.last.prior, Raster) else ("hyper_synthesis",)
    ):
        other = Codec(changed(codec.weights, part))
        with pytest.raises(WeightsMismatchError, match=r"was written with other weights .*give the matching ones"):
            other.decompress(data)


def test_networks_that_were_trained_may_differ(codec, photo):
    # In integer mode neither the float networks nor the medians decide anything.
    params = dict(codec.weights.params)
    params["h_s"] = {
        **params["h_s"],
        "0": {"kernel": params["h_s"]["0"]["kernel"] * 2, "bias": params["h_s"]["0"]["bias"]},
    }
    data = codec.compress(photo[:64, :64])
    other = Codec(dataclasses.replace(codec.weights, params=params))
    np.testing.assert_array_equal(other.decompress(data), codec.decompress(data))


def test_another_checksum_is_told(codecs, photo, damage):
    codec, _ = codecs
    data = codec.compress(photo[:64, :64])
    z, y = container.unpack(data)[1]
    for other in (zlib.crc32(y.data), y.checksum ^ 1):
        with pytest.raises(BitstreamError, match=r"give other tables .*run `jaxcompress verify`"):
            codec.decompress(damage.repack(data, [z, y._replace(checksum=other)]))
    with pytest.raises(BitstreamError, match="a string is damaged"):
        codec.decompress(damage.repack(data, [z._replace(checksum=z.checksum ^ 1), y]))


def test_a_device_that_computes_otherwise_never_gives_a_picture(codecs, photo, monkeypatch):
    codec, _ = codecs
    data = codec.compress(photo[:64, :64])
    exact = IntegerEvaluator.hyper_synthesis

    def one_off(evaluator, z_symbols, size):
        found = exact(evaluator, z_symbols, size)
        if isinstance(found, np.ndarray):
            off = found.copy()
            off[3, 3, -1] += 1
            return off
        indexes, means = found
        off = np.array(indexes if means is None else means)
        off[3, 3, -1] += 1
        return found._replace(indexes=off) if means is None else found._replace(means=off)

    monkeypatch.setattr(IntegerEvaluator, "hyper_synthesis", one_off)
    with pytest.raises(BitstreamError, match="verify"):
        Codec(codec.weights).decompress(data)


# ---------------------------------------------------------------- damage


def test_damaged_strings_raise_or_decode(codecs, photo, damage):
    codec, _ = codecs
    data = codec.compress(photo[:64, :64])
    cases = [damage.repack(data, strings) for strings in damage.strings(data, 40)]
    assert all(damage.refused(codec, case, (64, 64, 3)) for case in cases)


def test_damage_that_checksums_do_not_see_raises_or_decodes(codecs, photo, monkeypatch, damage):
    # Whoever makes a file can make checksums fit. Symbols of z may be anything then, and so may tables and means.
    codec, _ = codecs
    data = codec.compress(photo[:64, :64])
    monkeypatch.setattr(IntegerSideInformation, "checksum", lambda *_: 0)
    cases = [damage.repack(data, damage.with_checksums(strings)) for strings in damage.strings(data, 40, seed=1)]
    refused = sum(damage.refused(codec, case, (64, 64, 3)) for case in cases)
    assert refused >= 0.8 * len(cases)


def test_a_model_without_a_hyperprior_tells_of_damage(golden_of, photo, damage):
    codec = golden_of("bmshj2018-factorized").codec
    data = codec.compress(photo[:64, :64])
    cases = [damage.repack(data, damage.with_checksums(strings)) for strings in damage.strings(data, 40)]
    assert sum(damage.refused(codec, case, (64, 64, 3)) for case in cases) >= 0.95 * len(cases)


@pytest.mark.parametrize("value", [2.0**27 - 200, -(2.0**27) + 200, 1000.0, -128.0])
def test_symbols_of_z_beyond_8_bits_decode(codecs, value):
    codec, _ = codecs
    latents = codec._coders[EntropyMode.INTEGER]
    rng = np.random.default_rng(0)
    y = rng.normal(0, 5, (4, 4, codec.weights.m)).astype(np.float32)
    z = np.full((1, 1, codec.weights.n), value, np.float32)
    strings = latents.encode(y, z, (4, 4), native=True, threads=1)
    y_hat = latents.decode(strings, (4, 4), (4, 4), order=latents.native_order, threads=1)
    assert np.abs(y_hat - y).max() <= 0.5 + 1e-3


# ---------------------------------------------------------------- weights files


def test_weights_files_keep_the_networks(integer_weights_of, tmp_path):
    for architecture in ("bmshj2018-hyperprior", "mbt2018"):
        weights = integer_weights_of(architecture)
        weights.save(tmp_path / architecture)
        loaded = load(tmp_path / architecture)
        assert loaded.fingerprints() == weights.fingerprints()
        assert len(loaded.fingerprints()) == 3
        arrays, expected = loaded.integer.arrays(), weights.integer.arrays()
        assert arrays.keys() == expected.keys()
        for name, array in expected.items():
            assert arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(arrays[name], array)


def tampered(tensors, change):
    return {**tensors, **change} if isinstance(change, dict) else {k: v for k, v in tensors.items() if change not in k}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"integer/hyper_synthesis/0/bias": None}, "fingerprints differ"),
        ({"integer/thresholds": None}, "fingerprints differ"),
        ({"integer/latent_shifts": None}, "fingerprints differ"),
        ("integer/", "fingerprints differ"),
        ("integer/hyper_synthesis/1/shift", "lack the array 'hyper_synthesis/1/shift'"),
        ("integer/context/2", "a last layer has the activation leaky"),
        ("integer/context", "a context needs latent_shifts"),
        ({"integer/surplus": np.zeros(1, np.int8)}, "no place for surplus"),
        ({"integer/channels": np.zeros(0, np.int32)}, "channels is int32 .0,.; expected int32 .1,."),
        ({"integer/hyper_synthesis/0/form": np.int32([1, 2, -128, 127])}, "a layer of 32 inputs .* follows one of 128"),
        ({"integer/hyper_synthesis/0/form": np.int32([3, 2, -128, 127])}, "cannot be shuffled by a factor of 3"),
        ({"integer/hyper_synthesis/0/form": np.int32([2, 3, -128, 127])}, "has activation 3; expected 0 to 2"),
        ({"integer/hyper_synthesis/0/form": np.int32([2, 2, -(2**31), 127])}, "inputs lie in .*expected one of"),
        ({"integer/hyper_synthesis/0/form": np.int64([2, 2, -(2**63), 127])}, "form is int64"),
        ({"integer/channels": np.float32([np.inf])}, "channels is float32"),
        ({"integer/hyper_synthesis/0/form": np.int32([2, 2, -8, 247])}, r"a first layer takes inputs in .-8, 247."),
    ],
    ids=str,
)
def test_weights_files_with_other_networks_are_refused(change, message, integer_weights_of, tmp_path):
    path = tmp_path / "weights.safetensors"
    integer_weights_of("mbt2018").save(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if isinstance(change, dict):
        change = {name: tensors[name] + tensors[name].dtype.type(1) if a is None else a for name, a in change.items()}
    safetensors.numpy.save_file(tampered(tensors, change), path, metadata)
    with pytest.raises(ValueError, match=f"does not hold usable weights: .*{message}"):
        load(path)


def test_networks_of_another_model_are_refused(integer_weights_of, golden_of):
    networks = integer_weights_of("mbt2018").integer
    for architecture in ("mbt2018-mean", "cheng2020-anchor"):
        with pytest.raises(ValueError, match=rf"integer networks have .*; {architecture} expects"):
            dataclasses.replace(golden_of(architecture).weights, integer=networks)
    with pytest.raises(ValueError, match="bmshj2018-factorized has no networks that choose tables"):
        dataclasses.replace(golden_of("bmshj2018-factorized").weights, integer=networks)
