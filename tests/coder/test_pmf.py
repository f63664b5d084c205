"""pmf_to_cdf: the steps as CompressAI defines them, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcompress import coder


def reference_cdf(pmf, precision):
    """The definition, step by step; slow, and on the cdf itself rather than on the widths."""
    one = 2**precision
    scaled = np.float32(pmf) * np.float32(one)
    # Float64 holds a float32 and a half exactly; round() would go to even.
    frequencies = [int(np.floor(np.float64(value) + 0.5)) for value in scaled]
    total = sum(frequencies)
    cdf = np.cumsum([0, *(one * frequency // total for frequency in frequencies)])
    cdf[-1] = one
    for i in range(len(pmf)):
        if cdf[i] == cdf[i + 1]:
            widths = np.diff(cdf)
            j = min((w, k) for k, w in enumerate(widths) if w > 1)[1]
            if j < i:
                cdf[j + 1 : i + 1] -= 1
            else:
                cdf[i + 1 : j + 1] += 1
    return cdf.tolist()


PROBABILITIES = st.sampled_from([0.0, -0.0, 1e-9, 2**-17]) | st.floats(0, 1, width=32)


@given(st.lists(PROBABILITIES, min_size=1, max_size=64), st.integers(6, 16))
def test_tables_are_those_of_the_reference(pmf, precision):
    pmf[len(pmf) // 2] = 1.0
    assert coder.pmf_to_cdf(pmf, precision=precision).tolist() == reference_cdf(pmf, precision)


@pytest.mark.parametrize(
    ("pmf", "precision", "cdf"),
    [
        ([0.1, 0.2, 0, 0], 16, [0, 21845, 65534, 65535, 65536]),
        ([2.0, 1.0], 16, [0, 43690, 65536]),
        ([1.0], 16, [0, 65536]),
        ([1, 0], 1, [0, 1, 2]),
    ],
)
def test_tables_of_small_pmfs(pmf, precision, cdf):
    assert coder.pmf_to_cdf(pmf, precision=precision).tolist() == cdf


def test_as_many_symbols_as_widths_have_one_each():
    assert coder.pmf_to_cdf(np.eye(1, 65536)[0]).tolist() == list(range(65537))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8", "u1", ">f4"])
def test_any_real_dtype_and_layout_is_taken(dtype):
    pmf = np.array([1, 5, 0, 5, 3, 5], dtype)
    assert coder.pmf_to_cdf(pmf[::2]).tolist() == [0, 16383, 16384, 65536]


@pytest.mark.parametrize(
    ("pmf", "precision", "message"),
    [
        ([0.5, -0.5], 16, r"pmf\[1\] is -0.5, expected finite and at least 0"),
        ([np.nan], 16, r"pmf\[0\] is -?nan, expected finite"),
        ([1, np.inf], 16, r"pmf\[1\] is inf, expected finite"),
        ([1e300], 16, r"pmf\[0\] is inf, expected finite"),
        ([], 16, "pmf has no value that rounds to"),
        ([0.0, 0.0], 16, "pmf has no value that rounds to"),
        ([1e-9] * 9, 16, "pmf has no value that rounds to"),
        ([1, 65536], 16, r"pmf\[1\] is 65536, expected less than 65536; normalise"),
        ([1e38], 1, r"pmf\[0\] is 1e\+38, expected less than 2147483648"),
        ([40000, 40000], 16, "pmf sums to 80000, expected less than 65536; normalise"),
        ([0.5] * 3, 1, r"pmf has 3 symbols, expected at most 2\^1"),
        ([1e-5] * 65537, 16, r"pmf has 65537 symbols, expected at most 2\^16"),
        ([1.0], 0, "precision is 0, expected 1 to 16"),
        ([1.0], 17, "precision is 17, expected 1 to 16"),
        ([1.0], -1, "precision is -1, expected 1 to 16"),
        ([[1.0]], 16, r"pmf has shape \(1, 1\), expected 1 dimension"),
        (1.0, 16, r"pmf has shape \(\), expected 1 dimension"),
        ([True], 16, "pmf has dtype bool, expected float32"),
        (["1"], 16, "pmf has dtype <U1, expected float32"),
        ([1j], 16, "pmf has dtype complex128, expected float32"),
    ],
)
def test_what_has_no_table_raises(pmf, precision, message):
    with pytest.raises(ValueError, match=message):
        coder.pmf_to_cdf(pmf, precision=precision)
