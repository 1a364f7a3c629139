"""Pages of the site that are made from the code, and links to them."""

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import keras_ae
from keras_ae.cli import tables
from keras_ae.core import markdown
from keras_ae.core import registry
from keras_ae.zoo import store

ROOT = Path(__file__).parents[1]
#: What stands in a formula -> what it is in code.
SYMBOLS = {
    "q(z|x)": "`model.encode(x)`; in a hook `forward.posterior`",
    "p(x|z)": "`model.decode(z)`; in a hook `forward.likelihood`",
    "p(z)": "`model.prior`; in a hook `forward.prior`",
    "log p(x|z)": "minus the term `reconstruction`",
    "KL": "the term `kl`",
    "f": "`model.embed(x)`",
    "g": "the mean of `model.decode(z)`",
    "D": "`model.discriminator`",
    "step": "`moment.step`",
    "x~": '`forward.extras["corrupted"]`',
}


def variants() -> dict[str, str]:
    """Name -> page of each variant of this package."""
    return {f"variants/{name}": _variant(name) for name in _variants()}


def modules() -> dict[str, str]:
    """Name -> page of each module that users reach, and of their list."""
    found = {"keras_ae": keras_ae} | {
        f"keras_ae.{name}": value
        for name, value in vars(keras_ae).items()
        if name in _exported(keras_ae) and inspect.ismodule(value)
    }
    late = sorted(set(keras_ae._LATE.values()))
    found |= {name: importlib.import_module(name) for name in late}
    rows = [
        [f"[`{name}`]({name}.md)", inspect.getdoc(module).split("\n\n")[0]]
        for name, module in found.items()
    ]
    rows = [[link, " ".join(text.split())] for link, text in rows]
    start = "# Reference\n\n" + markdown.table(["module", "what"], rows)
    index = {"api/index": f"{start}\n\n{tree(list(found), None)}"}
    seen: set[int] = set()  # each is described once: the package comes last
    pages = {f"api/{n}": _module(n, m, seen) for n, m in [*found.items()][::-1]}
    return index | pages


def linked(text: str, docs: str = "") -> str:
    """A page whose tables link to the pages of variants and presets.

    Args:
        text: In Markdown, as in the repository.
        docs: From this page to `docs/`.
    """
    text = re.sub(r"(gallery)(?=\))", r"\1/index.rst", text)
    text = re.sub(r"(gallery/plot_\w+)\.py(?=\))", r"\1.rst", text)
    zoo = "" if docs else "../"
    addresses = {n: f"{docs}variants/{n}.md" for n in _variants()} | {
        name: f"{zoo}zoo/presets/{name}/README.md"
        for name in store.list_presets()
        if (ROOT / "zoo" / "presets" / name / "README.md").is_file()
    }

    def link(match: re.Match) -> str:
        address = addresses.get(match[1])
        return f"[`{match[1]}`]({address})" if address else match[0]

    return re.sub(
        r"(?m)^\|.*",
        lambda row: re.sub(r"(?<!\[)`([\w-]+)`(?!\])", link, row[0]),
        text,
    )


def tree(names: Sequence[str], caption: str | None) -> str:
    """Pages as a part of the contents."""
    option = f":caption: {caption}\n" if caption else ""
    lines = "\n".join(names)
    return f"```{{toctree}}\n:hidden:\n{option}\n{lines}\n```\n"


def children(pattern: str) -> str:
    """Pages that a page has below itself, by a pattern of their names."""
    return f"\n```{{toctree}}\n:hidden:\n:glob:\n\n{pattern}\n```\n"


def _variants() -> list[str]:
    return [
        name
        for name in registry.variants()
        if registry.package(registry.get(name)) == registry.PACKAGE
    ]


@functools.cache
def _presets() -> dict[str, str]:
    """Name of a preset -> its variant."""
    names = store.list_presets()
    return {name: store.metadata(name)["variant"] for name in names}


_published = functools.cache(tables.published)


def _variant(name: str) -> str:
    """What a variant is, what proves it, what it reached."""
    cls = registry.get(name)
    formula = tables.sections(cls.__doc__)["Formula"]
    symbols = [
        [f"`{symbol}`", meaning]
        for symbol, meaning in SYMBOLS.items()
        if re.search(rf"(?<!\w){re.escape(symbol)}(?!\w)", formula)
    ] + [
        [f"`{word}`", f"the argument `{word}`"]
        for word in cls.parameters()
        if re.search(rf"\b{word}\b", formula)
    ]
    terms = [[f"`{term}`", text] for term, text in cls.terms.items()]
    names = [p for p, variant in _presets().items() if variant == name]
    header, rows = _published()
    rows = [row for row in rows if row[3].partition(",")[0] == name]
    parts = {
        "Symbols": markdown.table(["in the formula", "in code"], symbols),
        "Terms": markdown.table(["term", "nats per example"], terms),
        "What proves it": _proofs(cls),
        "When it fails": _failure(name),
        "Published numbers": markdown.table(header, rows) if rows else "",
        "Presets": markdown.table(*tables.presets(names)) if names else "",
    }
    if not symbols:
        del parts["Symbols"]
    body = "".join(f"## {t}\n\n{p}\n\n" for t, p in parts.items() if p)
    head = _directive(
        f".. autoclass:: keras_ae.{cls.__name__}\n"
        "   :members:\n   :exclude-members: contract_case\n"
        "   :show-inheritance:"
    )
    title = f"# {cls.__name__}\n\n`keras_ae.create({name!r}, ...)`\n\n"
    return (
        linked(title + head + body)
        .replace("(variants/", "(")
        .replace("(../zoo", "(../../zoo")
    )


def _proofs(cls: type) -> str:
    """What the tests of its mathematics state."""
    module = cls.__module__.rpartition(".")[2]
    path = Path("tests/test_variants") / f"test_{module}.py"
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    stated = [
        node.name.removeprefix("test_").replace("_", " ")
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    said = " ".join((ast.get_docstring(tree) or "").split())
    lines = "\n".join(f"- {text}" for text in stated)
    return f"`{path}`: {said}\n\n{lines}"


def _failure(name: str) -> str:
    text = (ROOT / "docs" / "variants.md").read_text(encoding="utf-8")
    found = re.search(rf"(?m)^- `{name}`: ((?:.+\n)(?:  .+\n)*)", text)
    if not found:
        return ""
    said = " ".join(found[1].split())
    return said[0].upper() + said[1:]


def _module(name: str, module: ModuleType, seen: set[int]) -> str:
    """Summary and reference of what a module has, but what was seen."""
    members = [
        member
        for member in _exported(module) | _defined(module)
        if _is_ours(vars(module).get(member))
        and id(vars(module)[member]) not in seen
    ]
    seen |= {id(vars(module)[member]) for member in members}
    lines = [f".. currentmodule:: {name}", "", ".. autosummary::", ""]
    lines += [f"   {member}" for member in members]
    for member in members:
        kind = "class" if inspect.isclass(vars(module)[member]) else "function"
        kind = "exception" if _is_error(vars(module)[member]) else kind
        lines += ["", f".. auto{kind}:: {member}"]
        lines += ["   :members:"] * (kind == "class")
        # What users call is in classes behind the bases.
        lines += ["   :inherited-members:"] * member.startswith("Base")
    start = f".. automodule:: {name}\n   :no-members:"
    return f"# {name}\n\n{_directive(start)}" + _directive("\n".join(lines))


def _directive(text: str) -> str:
    return f"```{{eval-rst}}\n{text}\n```\n\n"


def _exported(module: ModuleType) -> dict[str, None]:
    """Names that a module imports for its users: `import x as x`."""
    tree = ast.parse(inspect.getsource(module))
    return {
        alias.name: None
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }


def _defined(module: ModuleType) -> dict[str, None]:
    return {
        name: None
        for name, value in vars(module).items()
        if name[0] != "_"
        and getattr(value, "__module__", None) == module.__name__
    }


def _is_ours(value: object) -> bool:
    """A function or class that has its place here: variants have pages."""
    if inspect.isclass(value) and "variant" in vars(value):
        return False
    return inspect.isroutine(value) or inspect.isclass(value)


def _is_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)
