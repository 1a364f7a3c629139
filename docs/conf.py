"""Settings of Sphinx; `python -m tools.docs` runs it on a staged copy."""

from sphinx.application import Sphinx

from tools import docs
from tools import docstrings

project = "keras_ae"
author = "the keras_ae authors"
copyright = "the keras_ae authors, Apache 2.0"
release = docs.version()
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
root_doc = "index"
html_theme = "furo"
html_title = "keras_ae"
html_show_sphinx = False
html_static_path = [str(docs.ROOT / "docs" / "site.css")]
html_css_files = ["site.css"]
html_search_scorer = str(docs.ROOT / "docs" / "scorer.js")
exclude_patterns = ["docs/gallery/*.md5", "**/GALLERY_HEADER.rst"]

myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = False
default_role = "code"
napoleon_use_rtype = False
napoleon_use_ivar = True

sphinx_gallery_conf = {
    "examples_dirs": str(docs.ROOT / "docs" / "gallery"),
    "gallery_dirs": "docs/gallery",
    "image_scrapers": ("tools.docstrings.figures",),
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": (),
    "remove_config_comments": True,
    "download_all_examples": False,
    "capture_repr": (),  # what is printed is shown, not what is returned
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,  # its pages load scripts from elsewhere
}


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("autodoc-process-docstring", docstrings.process, priority=100)
    app.connect("autodoc-process-signature", docstrings.signature)
    app.connect("autodoc-skip-member", docstrings.skipped)
