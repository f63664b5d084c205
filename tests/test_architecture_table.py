"""The table of architectures: what derives from it covers it."""

import subprocess
import sys

from jaxcompress.architecture_table import TABLE
from jaxcompress.codec import compressai_format
from jaxcompress.metric_table import OBJECTIVES
from jaxcompress.models import ARCHITECTURES, create, sizes
from jaxcompress.zoo import published


def test_every_row_has_a_class():
    assert list(TABLE) == list(ARCHITECTURES)


def test_numbers_of_compressai_are_without_gaps():
    assert {layout: sorted(names) for layout, names in compressai_format.LAYOUTS.items()} == {
        "current": list(range(7)),
        "legacy": list(range(6)),
    }
    assert compressai_format.LAYOUTS["current"][3] == compressai_format.LAYOUTS["legacy"][2] == "mbt2018-mean"


def test_every_published_quality_has_sizes_and_a_checkpoint_for_each_objective():
    for name, row in TABLE.items():
        assert row.series.keys() in (set(), set(OBJECTIVES))
        for metric in row.series:
            assert published.qualities(name, metric=metric) == [quality for quality, _ in enumerate(row.sizes, 1)]
            assert sizes(name, len(row.sizes)) == (row.sizes[-1].n, row.sizes[-1].m)
    assert sum(len(row.series) for row in TABLE.values()) == 12


def test_the_table_loads_nothing_heavy():
    code = "import sys, jaxcompress.architecture_table; assert not {'jax', 'numpy', 'flax'} & set(sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_the_default_quality_is_that_of_the_model():
    for name, row in TABLE.items():
        settings = create(name, n=24, m=24).layout.settings
        assert [setting.quality_of(setting.default) for setting in settings] == [row.default_quality] * (
            row.default_quality is not None
        )
