"""How `make docs` makes the site: MyST pages, some of them notebooks, which are executed, and docstrings."""

import os
import sys
from pathlib import Path

from jaxcompress import __version__

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "jaxcompress"
author = project_copyright = "The jaxcompress authors"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docstrings", "offline"]
exclude_patterns = ["README.md"]  # which index.md includes

html_theme = "furo"
html_title = f"jaxcompress {__version__}"
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 4  # links such as page.md#heading, as on code-hosting pages

# Every build executes the notebooks, and fails where a cell does.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True

autodoc_default_options = {"members": True, "special-members": "__call__"}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
default_role = "py:obj"  # a link where there is such a thing, and code elsewhere

# Of the notebooks' processes. Builds leave nothing in the home of whoever runs them, and find no weights there.
os.environ |= {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "JAX_PLATFORMS": "cpu",
    "JAXCOMPRESS_HOME": os.devnull,
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parents[1] / "build" / "docs-programs"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "COLUMNS": "100",
}
