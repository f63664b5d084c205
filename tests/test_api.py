"""The public surface as its users meet it: every name documented, options by keyword, one name for one thing."""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap

import pytest

import jaxcompress

# Operands, not options: what a function works on may be left out and still be given by position.
OPERANDS = {"bias", "images", "kernel", "means", "name", "options", "platform", "points", "size"}

# What the field and this package call it, by what it must not be called.
NAMES = {
    "rng": "key",
    "seed_key": "key",
    "img": "image",
    "imgs": "images",
    "filename": "path",
    "file_name": "path",
    "filepath": "path",
    "num_threads": "threads",
    "n_threads": "threads",
    "workers": "jobs",
    "lmbda_": "lmbda",
    "lambda_": "lmbda",
    "latent": "y",
    "scale": "scales",
    "mean": "means",
    "arch": "architecture",
    "model_name": "architecture",
}


def modules():
    """The package, what it names, and what has `__all__` below that."""
    found = [jaxcompress]
    for name in jaxcompress.__all__:
        module = getattr(jaxcompress, name)
        if inspect.ismodule(module):
            found.append(module)
            for info in pkgutil.walk_packages(module.__path__, f"{module.__name__}."):
                if not any(part.startswith("_") for part in info.name.split(".")):
                    below = importlib.import_module(info.name)
                    found += [below] if hasattr(below, "__all__") else []
    return found


def is_ours(item):
    return getattr(item, "__module__", "").startswith("jaxcompress")


def surface():
    """Everything public, by its name: classes, functions and methods."""
    items = {}
    for module in modules():
        for name in module.__all__:
            item = getattr(module, name)
            if not (inspect.isclass(item) or inspect.isfunction(item)):
                continue
            items[f"{module.__name__}.{name}"] = item
            if inspect.isclass(item):
                for attribute, member in vars(item).items():
                    function = getattr(member, "__func__", member)
                    if not attribute.startswith("_") and inspect.isfunction(function) and is_ours(function):
                        items[f"{module.__name__}.{name}.{attribute}"] = function
    return items


SURFACE = surface()
FUNCTIONS = {name: item for name, item in SURFACE.items() if inspect.isfunction(item)}
each_function = pytest.mark.parametrize("name", FUNCTIONS)


def annotation(parameter):
    kind = parameter.annotation
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))


def documentation(name):
    """The docstring, and those that it refers to, such as "see `decode`"."""
    text = inspect.getdoc(SURFACE[name])
    scopes = name.split(".")
    for other in re.findall(r"`([\w.]+)`", text):
        for depth in range(len(scopes)):
            target = SURFACE.get(".".join([*scopes[:depth], other]))
            if inspect.isclass(target):
                target = getattr(target, scopes[-1], None)
            text += f"\n{inspect.getdoc(target)}" if inspect.isfunction(target) else ""
    return text


def parameters(function):
    signature = inspect.signature(function)
    return [parameter for parameter in signature.parameters.values() if parameter.name not in ("self", "cls")]


@pytest.mark.parametrize("name", SURFACE)
def test_everything_public_is_documented(name):
    assert (SURFACE[name].__doc__ or "").strip().endswith(tuple(".:`)\"'")) or "\n" in SURFACE[name].__doc__


@each_function
def test_every_argument_is_documented(name):
    documented = documentation(name)
    for parameter in parameters(FUNCTIONS[name]):
        assert re.search(rf"\b{parameter.name}\b", documented), f"{parameter.name} is missing"


@each_function
def test_options_are_keyword_only(name):
    options = [
        parameter.name
        for parameter in parameters(FUNCTIONS[name])
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is not parameter.empty
    ]
    assert set(options) <= OPERANDS


@each_function
def test_names_are_those_of_the_field(name):
    for parameter in parameters(FUNCTIONS[name]):
        assert parameter.name not in NAMES, f"call it {NAMES[parameter.name]}"


@each_function
def test_arrays_have_shapes(name):
    arrays = [
        parameter.name
        for parameter in parameters(FUNCTIONS[name])
        if re.match(
            r"(Sequence\[|Iterable\[)?\W*(jax\.|np\.)?(Array|ndarray|ArrayLike|NDArray)\b", annotation(parameter)
        )
    ]
    if arrays:
        assert re.search(r"\[[^\]]*\]|\bany shape\b", documentation(name)), arrays


@each_function
def test_errors_are_documented(name):
    body = ast.parse(textwrap.dedent(inspect.getsource(FUNCTIONS[name])))
    raised = {
        node.exc.func.id
        for node in ast.walk(body)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
    }  # of private kinds, a public one is documented
    documented = documentation(name)
    for error in (name for name in raised if not name.startswith("_")):
        assert re.search(rf"\b{error}\b", documented), f"{error} is missing"
