"""CompressAI's recorded streams and tables, bit for bit."""

import json
from pathlib import Path

import numpy as np
import pytest

from jaxcompress import coder

GOLDEN = Path(__file__).parents[1] / "golden"
STREAMS = json.loads((GOLDEN / "rans.json").read_text())
PMFS = json.loads((GOLDEN / "pmf_to_cdf.json").read_text())


@pytest.mark.parametrize("case", STREAMS, ids=range(len(STREAMS)))
def test_streams_are_byte_identical(case):
    tables = coder.CdfTables(case["cdfs"], case["cdf_sizes"], case["offsets"])
    assert coder.encode(case["symbols"], case["indexes"], tables).hex() == case["hex"]


@pytest.mark.parametrize("case", STREAMS, ids=range(len(STREAMS)))
def test_streams_decode_to_their_symbols(case):
    tables = coder.CdfTables(case["cdfs"], case["cdf_sizes"], case["offsets"])
    assert coder.decode(bytes.fromhex(case["hex"]), case["indexes"], tables).tolist() == case["symbols"]


@pytest.mark.parametrize("case", PMFS, ids=range(len(PMFS)))
def test_tables_are_identical(case):
    pmf = np.frombuffer(bytes.fromhex(case["pmf_f32_hex"]), "<f4")
    cdf = coder.pmf_to_cdf(pmf, precision=case["precision"])
    assert cdf.dtype == np.int32
    assert cdf.tolist() == case["cdf"]
