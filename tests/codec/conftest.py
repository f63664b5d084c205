"""What several tests of the codec do."""

import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from jaxcompress import Codec
from jaxcompress.codec import BitstreamError, container, repair, stages
from jaxcompress.codec.coded_string import CodedString


class Damage:
    """Makes damaged files, and decodes them."""

    @staticmethod
    def repack(data: bytes, strings: Sequence[CodedString]) -> bytes:
        """The file with other strings, and the CRC of the whole that belongs to them."""
        return container.pack(container.unpack(data)[0], strings)

    @staticmethod
    def with_checksums(strings: Sequence[CodedString]) -> list[CodedString]:
        """Strings with the checksums of their bytes alone."""
        return [string._replace(checksum=zlib.crc32(string.data)) for string in strings]

    @staticmethod
    def strings(data: bytes, count: int, seed: int = 0) -> Iterator[list[CodedString]]:
        """Strings of a file with one of them damaged in turn: by a bit, by noise, or cut off."""
        _, strings = container.unpack(data)
        rng = np.random.default_rng(seed)
        for i, string in enumerate(strings):
            whole = np.frombuffer(string.data, np.uint8)
            for kind in range(count):
                damaged = whole.copy()
                place = rng.integers(len(whole))
                if kind % 4 == 0:
                    damaged[place] ^= 1 << rng.integers(8)
                elif kind % 4 == 1:
                    damaged[place:] = rng.integers(0, 256, len(whole) - place)
                elif kind % 4 == 2:
                    damaged = damaged[:place]
                else:
                    damaged = rng.integers(0, 256, len(whole) + rng.integers(-4, 9), np.uint8)
                yield [*strings[:i], string._replace(data=damaged.tobytes()), *strings[i + 1 :]]

    @staticmethod
    def refused(codec: Codec, data: bytes, shape: tuple[int, ...]) -> bool:
        """Whether a file is refused, as it should be, or else gives a picture of its shape."""
        try:
            picture = codec.decompress(data)
        except BitstreamError as error:
            advice = "floating-point" in str(error)
        else:
            assert picture.shape == shape
            return False
        assert not advice
        return True


@pytest.fixture(scope="session")
def damage() -> type[Damage]:
    return Damage


@pytest.fixture
def flip_scales() -> Callable[[pytest.MonkeyPatch, list[int]], None]:
    """A function after which the scales of some ranks by nearness fall on the other side of their thresholds."""
    indexes_and_means = stages.indexes_and_means

    def flip(patch: pytest.MonkeyPatch, ranks: list[int]) -> None:
        def flipped(model, scale_table, params, z_hat, size, settings):
            indexes, means = indexes_and_means(model, scale_table, params, z_hat, size, settings)
            indexes = np.array(indexes)
            inside = np.s_[:, : 4 * size[0], : 4 * size[1]]
            scales, found = np.asarray(stages.scales(model, params, z_hat, size)[0])[inside], indexes[inside].copy()
            positions, alternatives, _ = repair.find_doubts(scales, found, scale_table)
            found.flat[positions[ranks]] = alternatives[ranks]
            indexes[inside] = found
            return indexes, means

        patch.setattr(stages, "indexes_and_means", flipped)

    return flip
