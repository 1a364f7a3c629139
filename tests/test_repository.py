"""What holds of the repository as a whole."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_ae
from keras_ae.core import registry
from keras_ae.model import base
from keras_ae.model.training import speed

PACKAGE = Path(keras_ae.__file__).parent
TESTS = Path(__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "keras_ae.")
    if not module.name.endswith("__main__")
)
VARIANTS = registry.variants()

#: Names that Keras gives a meaning on layers and models.
RESERVED = frozenset(
    """
    quantize losses loss metrics layers path export summary inputs outputs
    input output variables weights compile build dtype optimizer
    """.split()
)


def relative(path):
    return str(path.relative_to(PACKAGE))


def lines_with(path, pattern):
    text = path.read_text(encoding="utf-8")
    return [
        f"{number}: {line}"
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(pattern, line)
    ]


# Variants.


def test_every_variant_file_is_imported():
    imports = {
        node.module
        for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    for path in (PACKAGE / "variants").glob("[!_]*.py"):
        assert f"keras_ae.variants.{path.stem}" in imports


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_has_its_own_test(name):
    module = registry.get(name).__module__.rpartition(".")[2]
    assert (TESTS / "test_variants" / f"test_{module}.py").is_file()


@pytest.mark.parametrize("name", VARIANTS)
def test_names_agree(name):
    cls = registry.get(name)
    module = cls.__module__.rpartition(".")[2]
    assert getattr(keras_ae, cls.__name__) is cls
    assert name == module.replace("_", "-")
    # SparseAutoencoder is sparse.py: what it shares with others may go.
    short = module.replace("_", "")
    assert cls.__name__.lower() in (short, f"{short}autoencoder")


@pytest.mark.parametrize("name", VARIANTS)
def test_one_public_class_in_a_variant_file(name):
    cls = registry.get(name)
    tree = ast.parse(Path(inspect.getfile(cls)).read_text(encoding="utf-8"))
    found = [n.name for n in tree.body if isinstance(n, ast.ClassDef)]
    assert [n for n in found if not n.startswith("_")] == [cls.__name__]


@pytest.mark.parametrize("name", VARIANTS)
def test_no_reserved_names(name):
    cls = registry.get(name)
    used = set(cls.parameters()) | set(cls.terms)
    used |= {n for n, value in vars(cls).items() if callable(value)}
    assert not used & RESERVED


@pytest.mark.parametrize("name", VARIANTS)
def test_no_final_method_is_overridden(name):
    order = registry.get(name).__mro__
    place = order.index(base.BaseAutoencoder)
    final = {
        method
        for cls in order[place:]
        if cls.__module__.startswith("keras_ae")
        for method, value in vars(cls).items()
        if getattr(value, "__final__", False)
    }
    assert {"train_step", "fit"} <= final
    for cls in order[:place]:
        assert not final & set(vars(cls)), cls.__name__


# Public names.


def test_imports_of_the_package_are_explicit():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname == alias.name, alias.name


def test_every_registered_variant_is_public():
    public = {
        value.variant: name
        for name, value in vars(keras_ae).items()
        if inspect.isclass(value) and "variant" in vars(value)
    }
    assert set(public) == set(VARIANTS)


@pytest.mark.parametrize("module", MODULES)
def test_public_names_have_docstrings(module):
    module = importlib.import_module(module)
    assert (module.__doc__ or "").strip()
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__
        if own and not name.startswith("_") and callable(value):
            assert (inspect.getdoc(value) or "").strip(), name


# Sources.


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_densities_by_hand(path):
    if path.parent.name == "math":
        pytest.skip("densities live here")
    pattern = r"log_?var\b|logvar|2(\.0?)? ?\* ?(np|math|tf)?\.?pi\b"
    assert not lines_with(path, pattern)


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_assertions_and_no_gaps(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert), node.lineno
        bare = isinstance(node, ast.ExceptHandler) and node.type is None
        assert not bare, node.lineno
        raised = isinstance(node, ast.Raise) and ast.unparse(node)
        assert "NotImplementedError" not in (raised or ""), node.lineno
    assert not lines_with(path, r"\b(TODO|FIXME|XXX)\b")


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_get_config_is_written_once(path):
    if relative(path) == "core/config.py":
        pytest.skip("here")
    assert not lines_with(path, r"def (get_config|from_config)\b")


#: File -> most lines, where it is not the 500 of any file.
LENGTHS = {"model/base.py": 350, "variants/conditional_vae.py": 90}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_are_short(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LENGTHS.get(relative(path), 500)


def public_functions(body):
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        elif isinstance(node, ast.FunctionDef):
            if node.name in ("__init__", "__call__") or node.name[0] != "_":
                yield node


def annotations(function):
    """Of all parameters but `self` and `cls`, and of what comes back."""
    a = function.args
    given = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
    for parameter in given:
        if parameter is not None and parameter.arg not in ("self", "cls"):
            yield parameter.annotation
    yield function.returns


def test_signatures_say_what_they_take():
    found = []
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in public_functions(tree.body):
            found += [ast.unparse(a) for a in annotations(function) if a]
    found = [text for text in found if text != "None"]
    assert found.count("Any") < 0.1 * len(found)


# Examples.


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module, monkeypatch, tmp_path, own_names):
    # XLA is the contract's business; here it would only take time.
    choice = speed.Choice(False, "an example")
    monkeypatch.setattr(speed, "jit_compile", lambda model: choice)
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(module)
    names = {"keras": keras, "np": np, "tf": tf, "keras_ae": keras_ae}
    results = doctest.testmod(module, extraglobs=names)
    assert results.failed == 0
