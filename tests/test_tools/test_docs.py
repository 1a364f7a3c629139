"""The site: what is made from the code, and that nothing leads nowhere."""

import re
import shutil

import pytest

import keras_ae
from keras_ae.cli import tables
from keras_ae.core import registry
from tools import docs
from tools import features
from tools import pages

OWN = [
    name
    for name in keras_ae.variants()
    if registry.package(registry.get(name)) == registry.PACKAGE
]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    docs.stage(folder)
    return folder


@pytest.mark.parametrize("name", OWN)
def test_a_variant_has_a_page(name, source):
    text = (source / "docs" / "variants" / f"{name}.md").read_text()
    cls = registry.get(name)
    assert f"autoclass:: keras_ae.{cls.__name__}\n" in text
    for term in cls.terms:
        assert f"| `{term}` |" in text
    assert re.search(r"## What proves it\n\n`tests/.*`: .+\n\n- ", text)


def test_a_page_has_presets_and_published_numbers(source):
    text = (source / "docs" / "variants" / "vqvae.md").read_text()
    assert "](../../zoo/presets/vqvae_mnist/README.md)" in text
    assert "keras.io/examples/generative/vq_vae" in text
    assert "codes die" in text.lower()


def test_every_variant_says_when_it_fails():
    text = (docs.ROOT / "docs" / "variants.md").read_text()
    named = re.findall(r"(?m)^- `([\w-]+)`: ", text.split("## When each")[1])
    assert named == sorted(OWN)


def test_every_page_is_in_the_contents(source):
    index = (source / "index.md").read_text()
    for path in (docs.ROOT / "docs").glob("*.md"):
        assert f"\ndocs/{path.stem}\n" in index


def test_every_kind_of_part_is_in_the_table():
    kinds = {kind for kind, names in registry._TABLES.items() if names}
    inner = {"variant", "column", "layer"}  # of the package, of a table, Keras'
    assert kinds - inner <= set(features.KINDS)


def test_links_of_staged_pages_lead_somewhere(source):
    shutil.copytree(
        docs.ROOT / "docs" / "gallery",
        source / "docs" / "gallery",
        dirs_exist_ok=True,
    )
    for path in source.rglob("*.md"):
        prose = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\((?!\w+:)([^)#]+)", prose):
            # sphinx-gallery makes an `.rst` of each example, and the index.
            made = re.sub(r"(plot_\w+).rst$", r"\1.py", target)
            made = made.replace("index.rst", "GALLERY_HEADER.rst")
            assert (path.parent / made).exists(), f"{path}: {target}"


def test_dead_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">1</a> <a href="b.html#there">2</a>'
        '<img src="no.png"> <a href="https://example.org">3</a>'
    )
    (tmp_path / "b.html").write_text('<p id="here"></p>')
    assert docs.dead_links(tmp_path) == [
        "a.html: b.html#there: no such place",
        "a.html: no.png",
    ]


def test_every_public_name_is_described(source):
    text = "".join(p.read_text() for p in (source / "docs/api").glob("*.md"))
    text += "".join(p.read_text() for p in source.glob("docs/variants/*.md"))
    described = set(re.findall(r":: (?:\w+\.)*(\w+)$", text, re.MULTILINE))
    for name in pages._exported(keras_ae):
        if not name[0].islower():
            assert name in described, name


def test_docstrings_become_restructured_text():
    pytest.importorskip("sphinx_gallery")
    from tools import docstrings

    text = docstrings.restructured(
        "Of `x`s, q(z|x) * 2.\n\nFormula:\n    a|b * c\n\n"
        "Args:\n    x: Of `y`.\n\nReference: A, 2000. B\n    C|D."
    )
    assert "Of ``x``\\ s, q(z\\|x) \\* 2." in text
    assert "::\n\n    a|b * c" in text
    assert "Args:\n    x: Of ``y``." in text
    assert "A, 2000. B C\\|D." in text
    formula = tables.sections(keras_ae.VAE.__doc__)["Formula"]
    made = docstrings.restructured(keras_ae.VAE.__doc__.replace("\n    ", "\n"))
    assert formula.splitlines()[0] in made


@pytest.mark.long
def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    assert docs.main(["--out", str(tmp_path), "--no-run"]) == 0
