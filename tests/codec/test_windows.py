"""Pictures of any size, on networks that know a few."""

import dataclasses
import functools
import mmap
import threading

import jax
import jax.monitoring
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcompress import Codec, coder
from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.codec import BitstreamError, container, latents, stages
from jaxcompress.codec.model_windows import windows_of
from jaxcompress.codec.tiled import TiledNetwork, WindowSizes
from jaxcompress.codec.windows import cover, tiles
from jaxcompress.integer import IntegerEvaluator
from jaxcompress.layers import Sequential
from jaxcompress.models import MeanScaleHyperprior, create

SIZES = ((4, 4), (8, 12), (12, 8), (16, 16))
STAGES = {"analysis": (16, 1), "hyper_analysis": (4, 1), "hyper_synthesis": (1, 4), "synthesis": (1, 16)}
FAST = [
    ("bmshj2018-factorized", "analysis"),
    ("bmshj2018-factorized", "synthesis"),
    ("mbt2018-mean", "hyper_analysis"),
    ("mbt2018-mean", "hyper_synthesis"),
]


def whole(shape):
    return slice(0, shape[0]), slice(0, shape[1])


@given(st.tuples(*[st.integers(1, 90)] * 2), st.integers(0, 7), st.data())
@settings(max_examples=300, deadline=None)
def test_windows_give_every_place_once_and_see_what_it_depends_on(shape, halo, data):
    area = tuple(
        slice(*sorted((data.draw(st.integers(0, side - 1)), data.draw(st.integers(1, side))))) for side in shape
    )
    area = tuple(slice(s.start, max(s.stop, s.start + 1)) for s in area)
    given_times = np.zeros(shape, int)
    for window in cover(shape, SIZES, halo, area):
        assert window.size in SIZES
        given_times[window.area] += 1
        for begin, length, part, side in zip(window.origin, window.size, window.area, shape, strict=True):
            end = begin + length
            assert 0 <= begin < side
            assert begin == 0 or end <= side  # zeros beyond the end are only needed by what is smaller than its window
            assert begin == 0 or part.start - begin >= halo
            assert end >= side or end - part.stop >= halo
    expected = np.zeros(shape, int)
    expected[area] = 1
    np.testing.assert_array_equal(given_times, expected)


def test_very_long_signals_are_covered_in_time():
    windows = cover((1, 10**6), SIZES, 2, whole((1, 10**6)))
    assert sum(window.area[1].stop - window.area[1].start for window in windows) == 10**6


@pytest.mark.parametrize("shape", [(3, 5), (16, 16), (19, 33), (40, 7)])
@pytest.mark.parametrize("part", [None, (slice(2, 3), slice(1, 5))], ids=["whole", "part"])
def test_a_tiled_network_is_the_network(shape, part):
    # Sums over 5 x 5 in integers, then twice as large: any mistake in a place or an edge shows.
    def network(x, size, _):
        x = x * ((np.arange(x.shape[0]) < size[0])[:, None] & (np.arange(x.shape[1]) < size[1]))[..., None]
        padded = np.pad(x, ((2, 2), (2, 2), (0, 0)))
        sums = sum(padded[i : i + x.shape[0], j : j + x.shape[1]] * (1 + 5 * i + j) for i in range(5) for j in range(5))
        return {"double": sums.repeat(2, 0).repeat(2, 1), "none": None}

    signal = np.random.default_rng(0).integers(0, 999, (*shape, 2))
    tiled = TiledNetwork(network, WindowSizes(SIZES[1:], 2), outputs=2)
    expected = network(signal, np.array(shape), {})["double"]
    area = part or whole(shape)
    place = tuple(slice(2 * s.start, 2 * s.stop) for s in area)
    np.testing.assert_array_equal(tiled(signal, part)["double"], expected[place])
    found = np.full_like(expected, -1)
    for where, made in tiled.parts(signal, part):
        assert (found[where] == -1).all()
        found[where] = made["double"]
    np.testing.assert_array_equal(found[place], expected[place])
    assert part is not None or tiled.count(shape) == len(list(tiled.parts(signal)))


# ---------------------------------------------------------------- the windows of our models


def probe(architecture, stage, cells):
    """A stage of a small network with random weights, its input of `cells` cells, and its other sizes."""
    model = create(architecture, n=8, m=8)
    samples, outputs = STAGES[stage]
    channels = 3 if stage == "analysis" else 8
    x = np.random.default_rng(1).normal(size=(1, cells[0] * samples, cells[1] * samples, channels)).astype(np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), np.zeros((1, 64, 64, 3), np.float32))["params"]
    rng = np.random.default_rng(2)
    params = jax.tree.map(lambda of: rng.uniform(0.1, 0.2, of.shape).astype(np.float32), shapes)
    return model, params, x, samples, outputs


def cases(architectures):
    """Architectures and the stages that they have; most take long to compile."""
    return [
        pytest.param(architecture, stage, marks=[pytest.mark.slow] * ((architecture, stage) not in FAST))
        for architecture in architectures
        for stage in STAGES
        if "hyper" not in stage or "factorized" not in architecture
    ]


@pytest.mark.parametrize(("architecture", "stage"), cases(COMPRESSAI))
def test_outputs_depend_on_no_more_than_the_halo(architecture, stage):
    windows = windows_of(create(architecture, n=8, m=8))[stage]
    halo = windows.halo
    model, params, x, samples, outputs = probe(architecture, stage, (2 * halo + 3, 3))
    # NaN spreads as far as anything can. The first and the last row of cells do not see that in the middle.
    x[:, samples * (halo + 1) : samples * (halo + 2)] = np.nan
    run = jax.jit(lambda x: model.apply({"params": params}, x, method=stage))
    rows = np.isnan(run(x)).any((0, 2, 3)).reshape(-1, outputs).any(1)
    assert rows[halo + 1]
    assert not rows[[0, -1]].any()
    assert rows[[1, -2]].any()  # nor is it wider than needed


# Of random signals, relative to the largest output; sums in other orders differ by some 1e-6.
TOLERANCE = 2e-5


@pytest.mark.parametrize(("architecture", "stage"), cases(["bmshj2018-factorized", "mbt2018-mean"]))
@pytest.mark.parametrize("cells", [(3, 5), (21, 18)], ids=str)
def test_windows_agree_with_the_whole(architecture, cells, stage):
    model, params, x, samples, outputs = probe(architecture, stage, cells)
    call = functools.partial(getattr(stages, stage), model)
    tiled = TiledNetwork(
        lambda part, size, _: np.asarray(call({"params": params}, part[None], size))[0],
        WindowSizes(((8, 8), (16, 12)), 2),
        inputs=samples,
        outputs=outputs,
    )
    expected = np.asarray(call({"params": params}, x, None))[0]
    np.testing.assert_allclose(tiled(x[0]), expected, atol=TOLERANCE * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize(
    ("architecture", "form"),
    [
        ("mbt2018", "float32"),
        ("bmshj2018-hyperprior", "int8"),
        pytest.param("mbt2018-mean", "bfloat16", marks=pytest.mark.slow),
    ],
)
def test_windows_of_integer_networks_are_exact(architecture, form, integer_weights_of):
    networks = integer_weights_of(architecture).integer
    z = np.random.default_rng(0).integers(-9, 10, (13, 21, networks.hyper_synthesis[0].kernel.shape[2]))
    evaluator = IntegerEvaluator(networks, form=form)
    windows = WindowSizes(((8, 8), (16, 16)), 2)
    tiled = TiledNetwork(lambda z, size, _: evaluator.hyper_synthesis(z, size), windows, outputs=4)
    jax.tree.map(np.testing.assert_array_equal, tiled(z), evaluator.hyper_synthesis(z))
    small = z[:3, :5]
    jax.tree.map(np.testing.assert_array_equal, tiled(small), evaluator.hyper_synthesis(small))


def test_networks_of_another_kind_are_run_as_a_whole():
    class OtherAnalysis(MeanScaleHyperprior):
        def make_g_a(self):
            return Sequential(())

    class OtherSetup(MeanScaleHyperprior):
        def setup(self):
            super().setup()

    class OtherParameters(MeanScaleHyperprior):
        def gaussian_parameters(self, hyper):
            return super().gaussian_parameters(hyper)

    ours = windows_of(create("mbt2018-mean", n=8, m=8))
    assert None not in ours.values()
    assert windows_of(OtherAnalysis(n=8, m=8)) == ours | {"analysis": None}
    assert windows_of(OtherParameters(n=8, m=8)) == ours | {"hyper_synthesis": None}
    assert windows_of(OtherSetup(n=8, m=8)) == dict.fromkeys(ours)


# ---------------------------------------------------------------- pictures


@pytest.fixture(scope="module")
def codec(integer_weights_of) -> Codec:
    return Codec(integer_weights_of("mbt2018-mean"))


@pytest.fixture(scope="module")
def large(photo) -> np.ndarray:
    """A picture of several chunks, [1100, 1300, 3], no two places alike."""
    tiled = np.tile(photo, (11, 18, 1))[:1100, :1300].astype(int)
    return (tiled * 3 // 4 + np.arange(1100)[:, None, None] * 60 // 1100).astype(np.uint8)


@pytest.fixture(scope="module")
def photo(golden_of) -> np.ndarray:
    return np.rint(golden_of("mbt2018-mean").x[0] * 255).astype(np.uint8)[:101, :75]


def test_pictures_of_many_sizes_compile_a_handful_of_programs(integer_weights_of, large):
    codec = Codec(integer_weights_of("mbt2018-mean"))
    for function in (stages.analysis, stages.hyper_analysis, stages.synthesis):
        function.clear_cache()
    compiled = []
    lock = threading.Lock()

    def listen(event, seconds, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            with lock:
                compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        rng = np.random.default_rng(0)
        for _ in range(12):
            height, width = rng.integers(1, 1000), rng.integers(1, 1300)
            picture = large[:height, :width]
            decoded = codec.decompress(codec.compress(picture))
            assert decoded.shape == picture.shape
            assert np.abs(decoded.astype(int) - picture).mean() < 40
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert 4 <= len(compiled) <= 12


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "mbt2018-mean", "mbt2018"])
def test_a_crop_is_that_part_of_the_whole(architecture, golden_of, integer_weights_of, large):
    weights = golden_of(architecture).weights if "factorized" in architecture else integer_weights_of(architecture)
    codec = Codec(weights)
    data = codec.compress(large)
    assert len(container.unpack(data)[1]) == (codec.model.layout.side is not None) + 4
    expected = codec.decompress(data)
    for left, top, width, height in [(0, 0, 1, 1), (1299, 1099, 1, 1), (1000, 1010, 40, 33), (0, 0, 1300, 1100)]:
        found = codec.decompress_crop(data, left, top, width, height)
        np.testing.assert_array_equal(found, expected[top : top + height, left : left + width])


def test_grey_crops_have_no_channels(codec, large):
    data = codec.compress(large[:, :, 0])
    np.testing.assert_array_equal(codec.decompress_crop(data, 1020, 5, 30, 7), codec.decompress(data)[5:12, 1020:1050])


def test_float_files_are_cropped_alike(golden_of, large):
    codec = golden_of("mbt2018-mean").codec
    data = codec.compress(large)
    np.testing.assert_array_equal(
        codec.decompress_crop(data, 1000, 1000, 99, 50), codec.decompress(data)[1000:1050, 1000:1099]
    )


def test_a_crop_needs_nothing_else(codec, large, tmp_path):
    data = codec.compress(large)
    expected = codec.decompress_crop(data, 30, 40, 50, 60)
    _, strings = container.unpack(data)
    without_last = bytearray(data)
    without_last[-4 - len(strings[-1].data) :] = bytes(len(strings[-1].data) + 4)
    (tmp_path / "damaged.jxc").write_bytes(without_last)
    with open(tmp_path / "damaged.jxc", "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    np.testing.assert_array_equal(codec.decompress_crop(mapped, 30, 40, 50, 60), expected)
    for call in (
        lambda: codec.decompress_crop(mapped, 1200, 1050, 9, 9),
        lambda: codec.decompress(bytes(without_last)),
    ):
        with pytest.raises(BitstreamError, match=r"CRC-32|other tables"):
            call()


def test_damage_where_a_crop_looks_is_told(codec, large):
    data = codec.compress(large)
    strings = container.unpack(data)[1]
    length = len(data) - 4 - sum(len(string.data) for string in strings)
    seen = length + len(strings[0].data) + len(strings[1].data)  # the header, z and the first chunk
    rng = np.random.default_rng(0)
    for position in rng.integers(0, 8 * seen, 60):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(BitstreamError):
            codec.decompress_crop(bytes(damaged), 0, 0, 20, 20)
    for size in [0, 3, 9, 13, length - 1, length, len(data) - 5]:
        with pytest.raises(BitstreamError):
            codec.decompress_crop(data[:size], 0, 0, 20, 20)


@pytest.mark.parametrize("rectangle", [(0, 0, 0, 5), (-1, 0, 5, 5), (1299, 0, 2, 1), (0, 1100, 1, 1), (5, 5, 3, -2)])
def test_rectangles_outside_are_told(codec, large, rectangle):
    left, top, width, height = rectangle
    message = f"x={left} y={top} width={width} height={height} is not in the picture of 1300 x 1100 pixels"
    with pytest.raises(ValueError, match=message):
        codec.decompress_crop(codec.compress(large), *rectangle)


def test_chunks_are_decoded_in_groups(codec, large, monkeypatch):
    # Memory does not grow with the picture: no more than a group's parameters are computed before they are used.
    data = codec.compress(large)
    sizes = []
    groups = latents._groups
    monkeypatch.setattr(latents, "_CHUNKS_PER_THREAD", 1)
    monkeypatch.setattr(latents, "_groups", lambda *args: (sizes.append(len(g)) or g for g in groups(*args)))
    assert codec.compress(large, threads=1) == data
    np.testing.assert_array_equal(codec.decompress(data, threads=1), codec.decompress_crop(data, 0, 0, 1300, 1100))
    assert sizes[:8] == [1] * 8


def test_hyper_networks_without_windows_run_once_for_all_chunks(golden_of, large, monkeypatch):
    class OtherParameters(MeanScaleHyperprior):
        def gaussian_parameters(self, hyper):
            return super().gaussian_parameters(hyper)

    weights = golden_of("mbt2018-mean").weights
    codec = Codec(dataclasses.replace(weights, module=OtherParameters(n=weights.n, m=weights.m)))
    shapes = []
    indexes_and_means = stages.indexes_and_means

    def count(model, scale_table, variables, z_hat, *others):
        shapes.append(z_hat.shape[1:3])
        return indexes_and_means(model, scale_table, variables, z_hat, *others)

    monkeypatch.setattr(stages, "indexes_and_means", count)
    data = codec.compress(large)
    assert len(container.unpack(data)[1]) == 5
    np.testing.assert_array_equal(codec.decompress_crop(data, 1000, 5, 99, 50), codec.decompress(data)[5:55, 1000:1099])
    assert shapes == [(18, 21)] * 3


def test_chunks_that_do_not_decode_are_told_whichever_it_is(codec, large):
    header, strings = container.unpack(codec.compress(large))
    for i in range(len(strings)):
        changed = [*strings[:i], strings[i]._replace(data=bytes(strings[i].data)[:-1]), *strings[i + 1 :]]
        with pytest.raises((BitstreamError, coder.StreamError)):
            codec.decompress(container.pack(header, changed))


def test_tiles_cover_in_raster_order():
    areas = tiles((5, 7, 2), (3, 4))
    assert areas == [np.s_[0:3, 0:4], np.s_[0:3, 4:7], np.s_[3:5, 0:4], np.s_[3:5, 4:7]]
