"""What the package promises as a whole."""

import importlib.metadata
import json
import subprocess
import sys

import pytest

import jaxcompress
from jaxcompress import zoo


def run(code, cwd=None):
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_importing_is_light():
    # Flax itself imports optax and orbax; the package alone must not.
    heavy = "('torch', 'optax', 'orbax', 'matplotlib', 'jax', 'flax')"
    assert run(f"import sys, jaxcompress; print([m for m in {heavy} if m in sys.modules])").strip() == "[]"
    assert run("import sys, jaxcompress.coder; print('jax' in sys.modules)").strip() == "False"
    coding = "from jaxcompress import Codec, load, zoo, models, entropy, layers, metrics, train"
    assert run(f"import sys; {coding}; print('torch' in sys.modules, 'matplotlib' in sys.modules)") == "False False\n"


@pytest.mark.slow
def test_everything_works_with_64_bits_enabled():
    code = """
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
from jaxcompress import Codec, create, zoo
variables = create("bmshj2018-factorized", n=2, m=2).init(jax.random.key(0), np.zeros((1, 16, 16, 3), np.float32))
assert {leaf.dtype.name for leaf in jax.tree.leaves(variables)} == {"float32"}
codec = Codec(zoo.load())
image = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
print(codec.decompress(codec.compress(image)).shape)
"""
    assert run(code).strip() == "(64, 64, 3)"


def test_the_public_surface_resolves():
    for name in jaxcompress.__all__:
        assert getattr(jaxcompress, name).__doc__, name
    assert set(jaxcompress.__all__) <= set(dir(jaxcompress))


def test_the_installed_version_is_that_of_the_package():
    assert importlib.metadata.version("jaxcompress") == jaxcompress.__version__


def test_nothing_else_enters_the_import_namespace(tmp_path):
    origin = json.loads(importlib.metadata.distribution("jaxcompress").read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        pytest.skip("an editable install puts the source folder itself on the path, and with it coder/ and the others")
    names = "('coder', 'convert', 'train')"
    found = run(f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])", cwd=tmp_path)
    assert found.strip() == "[]"


def test_bundled_weights_load_and_are_found_by_fingerprint():
    assert zoo.DEFAULT in zoo.bundled()
    for name, path in zoo.bundled().items():
        weights = zoo.load(name)
        assert weights.metadata["licence"]
        assert zoo.find(weights.bits_fingerprint(), weights.synthesis_fingerprint()) == path
    assert zoo.find("0" * 16, "0" * 16) is None
