"""Docstrings as this project writes them, for Sphinx: Markdown's code blocks, and Flax's modules without Flax's own."""

import dataclasses
import re

from docutils import nodes
from flax import linen as nn
from sphinx.domains.python import PyObject

_FLAX_OWN = {"parent", "name"}


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _mark_code, priority=0)  # before napoleon
    app.connect("autodoc-process-signature", _shorten_signature)
    app.connect("autodoc-skip-member", _skip_member)
    app.connect("missing-reference", _find_in_package)
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"


def _mark_code(app, what, name, obj, options, lines: list[str]) -> None:
    """Tells that what is indented is code: under "Example:", and after an empty line."""
    text = re.sub(r"(?m)^Example:$", "Example::\n", "\n".join(lines))
    text = re.sub(r"(?m)^(\S.*[^:\n])\n\n(?= {4})", r"\1\n\n::\n\n", text)
    text = re.sub(r"(?m)(^|[\s(])`(\.\w+)`", r"\1``\2``", text)  # the role takes leading dots for something else
    lines[:] = re.sub(r"CompressAI `(\w+)`", r"CompressAI ``\1``", text).split("\n")  # theirs, not ours of that name


def _shorten_signature(app, what, name, obj, options, signature, returns):
    """Fields of a module, and their defaults where these are short."""
    if not (isinstance(obj, type) and issubclass(obj, nn.Module)):
        return None
    fields = [field for field in dataclasses.fields(obj) if field.name not in _FLAX_OWN]
    return f"({', '.join(field.name + _default(field) for field in fields)})", None


def _default(field: dataclasses.Field) -> str:
    if field.default is dataclasses.MISSING:
        return ""
    return f"={getattr(field.default, '__name__', None) or repr(field.default)}"


def _skip_member(app, what, name, obj, skip, options):
    """Leaves out Flax's `setup`, fields that are described as attributes, and those of named tuples."""
    left_out = name in ("setup", "training_quantizer", "compute_dtype", "init_with_output")
    return True if left_out or type(obj).__name__ == "_tuplegetter" else None


def _find_in_package(app, env, node: nodes.Element, contnode):
    """Links `ops.pad` and `jaxcompress.load` wherever they are mentioned."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or "." not in target:
        return None
    found = env.domains.python_domain.objects.get(f"jaxcompress.{target.removeprefix('jaxcompress.')}")
    if found is None:
        return None
    page = app.builder.get_relative_uri(node["refdoc"], found.docname)
    return nodes.reference("", "", contnode, internal=True, refuri=f"{page}#{found.node_id}")
