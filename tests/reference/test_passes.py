"""Integer networks of passes, settings and residual layers: the readable decoder computes what the package computes."""

import zlib

import numpy as np
import pytest

from jaxcompress import coder, reference
from jaxcompress.codec import container
from jaxcompress.codec.coded_string import CodedString, EntropyMode
from jaxcompress.entropy import build_gaussian_tables
from jaxcompress.integer import IntegerEvaluator, IntegerLayer, IntegerNetworks
from jaxcompress.integer.layer import RELU_RANGE, SYMBOL_RANGE
from jaxcompress.integer.setting_tables import SettingTables
from jaxcompress.reference.integer import Networks
from jaxcompress.reference.latents import _passes
from jaxcompress.reference.weights import bits_fingerprint

N, M, X, COUNT = 3, 8, 5, 100
TABLES = build_gaussian_tables(np.geomspace(0.11, 20, 12))
Z_TABLES = build_gaussian_tables(np.geomspace(0.5, 2, N))


def layer(rng, size, inputs, outputs, *, rows=0, factor=1, last=False, first=False, skip=False):
    outputs *= factor**2
    shifts = rng.integers(0 if last else 7, 4 if last else 11, outputs)
    if outputs == 2 * M:
        shifts[M:] -= 9  # means of all sizes
    return IntegerLayer(
        kernel=rng.integers(-127, 128, (size, size, inputs, outputs)).astype(np.int8),
        bias=rng.integers(-9000, 9000, (rows, outputs) if rows else outputs).astype(np.int32),
        shift=shifts.astype(np.int8),
        factor=factor,
        activation="none" if last else "relu",
        input_range=SYMBOL_RANGE if first else RELU_RANGE,
        skip=rng.integers(5, 9, outputs).astype(np.int8) if skip else None,
    )


def random_networks(seed, *, with_settings):
    """Networks like those of light, with a dozen channels."""
    rng = np.random.default_rng(seed)
    rows = COUNT if with_settings else 0
    settings = SettingTables(
        mean_multipliers=rng.integers(0, 2**18, (COUNT, M)).astype(np.int32),
        mean_shifts=rng.integers(22, 29, M).astype(np.uint8),
        scale_offsets=rng.integers(-2000, 2000, (COUNT, M)).astype(np.int32),
        latent_multipliers=(2 ** rng.uniform(0, 18, (COUNT, M))).astype(np.int32),
    )
    return IntegerNetworks(
        hyper_synthesis=(
            layer(rng, 1, N, 6, factor=2, first=True),
            layer(rng, 3, 6, 6),
            layer(rng, 1, 6, 4, factor=2, rows=rows),
            layer(rng, 3, 4, X, last=True),
        ),
        thresholds=np.sort(rng.choice(np.arange(-9000, 9000), 11, replace=False)).astype(np.int32),
        channels=M,
        latent_shifts=rng.integers(14, 31, M).astype(np.uint8) if with_settings else rng.integers(2, 9, M, np.uint8),
        passes=tuple(
            (
                layer(rng, size, M, X, rows=rows, first=True),
                layer(rng, 3, X, X, skip=True),
                layer(rng, 1, X, 2 * M, last=True, rows=rows),
            )
            for size in (1, 3, 1, 1)
        ),
        settings=settings if with_settings else None,
    )


def arrays_of(networks):
    """The tensors of a weights file that decide bits."""
    arrays = {f"integer/{name}": array for name, array in networks.arrays().items()}
    for part, tables in (("z_density", Z_TABLES), ("gaussian_conditional", TABLES)):
        for name in ("cdf", "cdf_length", "offset"):
            arrays[f"tables/{part}/{name}"] = np.asarray(getattr(tables, name))
    return arrays


@pytest.mark.parametrize("with_settings", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_networks_give_the_integers_of_the_evaluator(seed, with_settings):
    networks = random_networks(seed, with_settings=with_settings)
    evaluator, readable = IntegerEvaluator(networks), Networks(networks.arrays())
    rng = np.random.default_rng(seed)
    for number in (0, 42, 99) if with_settings else (0,):
        numbers = {"rate": number} if with_settings else {}
        z = rng.integers(-150, 150, (2, 3, N))
        side = readable.run_hyper_synthesis(z, number)
        np.testing.assert_array_equal(side, evaluator.hyper_synthesis(z, **numbers))
        assert np.ptp(side) > 1000
        latents = np.rint(rng.normal(0, 1, (8, 12, M)) * 10.0 ** rng.uniform(0, 8, M)).astype(np.int64)
        for count in range(4):
            expected = evaluator.parameters(side.astype(np.int32), np.float32(latents / 64), count, **numbers)
            exact = np.rint(np.float64(np.float32(latents / 64)) * 64).astype(np.int64)
            outputs = readable.run_pass(count, exact, side, number)
            indexes, means = readable.indexes_and_means(outputs, number)
            np.testing.assert_array_equal(indexes, expected.indexes)
            np.testing.assert_array_equal(means, expected.means)
            assert len(np.unique(indexes)) > 3
            assert len(np.unique(means)) > 20


def test_every_pass_takes_a_quarter_of_the_channels_at_each_position():
    found = _passes((2, 4, 8), 4)
    assert found[..., 0].tolist() == [[0, 2, 0, 2], [3, 1, 3, 1]]
    assert found[0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert found[1, 0].tolist() == [3, 3, 0, 0, 1, 1, 2, 2]
    assert _passes((2, 2, 2), 2).tolist() == [[[0, 1], [1, 0]], [[1, 0], [0, 1]]]


@pytest.mark.parametrize("number", [0, 57])
def test_a_file_decodes_to_what_was_coded(number):
    networks = random_networks(7, with_settings=True)
    evaluator, arrays = IntegerEvaluator(networks), arrays_of(networks)
    rng = np.random.default_rng(number)
    z, noise = rng.integers(-3, 4, (2, 5, N)), rng.integers(-9, 10, (8, 20, M))
    side = evaluator.hyper_synthesis(z, rate=number)
    z_data = coder.encode(
        z.transpose(2, 0, 1).astype(np.int32).ravel(),
        np.repeat(np.arange(N), 10).astype(np.int32),
        Z_TABLES.coder_tables,
    )
    strings, y_hat = [CodedString(z_data, checksum=zlib.crc32(z_data))], np.zeros((8, 20, M), np.float32)
    for chunk in (np.s_[:, :16], np.s_[:, 16:]):
        symbols, indexes = [], []
        part, known = y_hat[chunk], side[chunk]
        order = _passes(part.shape, 4)
        for count in range(4):
            found = evaluator.parameters(known, part, count, rate=number)
            planes = (order == count).transpose(2, 0, 1)
            symbols.append(noise[chunk].transpose(2, 0, 1)[planes])
            indexes.append(found.indexes.transpose(2, 0, 1)[planes])
            part[order == count] = (noise[chunk] + found.means / 64)[order == count]
        data = coder.encode(
            np.concatenate(symbols).astype(np.int32), np.concatenate(indexes).astype(np.int32), TABLES.coder_tables
        )
        strings.append(CodedString(data, checksum=zlib.crc32(data, zlib.crc32(known.astype("<i4").tobytes()))))
    header = container.Header(
        architecture="light",
        n=6,
        m=M,
        width=320,
        height=128,
        channels=3,
        bit_depth=8,
        padding=(0, 0, 0, 0),
        bits_fingerprint=bits_fingerprint(arrays, 1),
        synthesis_fingerprint="0" * 16,
        chunk_size=(16, 16),
        entropy_mode=EntropyMode.INTEGER,
        settings=(("rate", number),),
    )
    found = reference.decode_latents(container.pack(header, strings), arrays)
    np.testing.assert_array_equal(found, y_hat)


@pytest.mark.parametrize(
    "changes",
    [
        {"latent_multipliers": 2**18 + 1},
        {"mean_multipliers": -1},
        {"mean_shifts": 12},
        {"latent_shifts": 31},
        {"scale_offsets": 2**29},
        {"pass_1/1/skip": 23},
        {"pass_1/1/skip": 22, "pass_1/1/bias": 2**23},
        {"pass_0/0/bias": 2**29},
        {"hyper_synthesis/3/bias": 2**30 - 2**25, "hyper_synthesis/3/shift": 0},
    ],
    ids=str,
)
def test_numbers_that_could_overflow_are_refused(changes):
    arrays = random_networks(1, with_settings=True).arrays()
    for name, value in changes.items():
        arrays[name] = arrays[name].copy()
        arrays[name].flat[-1] = value
    with pytest.raises(ValueError, match=r"expected|could reach|shifted by|magnitude"):
        Networks(arrays)
