"""Sphinx's settings for the site; ``python -m docs`` builds it."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.source_pages import linkcode_resolve  # noqa: E402, F401  (Sphinx looks for it here)
from xpnet import __version__  # noqa: E402  (the clone's own, installed or not)

project = "xpnet"
author = "the xpnet developers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "sphinx_gallery.gen_gallery",
    "docs.source_pages",
    "docs.mathml",
]
exclude_patterns = ["_build", "sg_execution_times.rst", "gallery/sg_execution_times.rst"]
default_role = "py:obj"

myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]  # ```math, as GitHub has it
html_math_renderer = "mathml"  # docs/mathml.py
myst_heading_anchors = 4
myst_url_schemes = ["http", "https", "mailto", "site"]  # site: docs/source_pages.py

autodoc_member_order = "groupwise"
autodoc_typehints = "none"  # numpydoc's sections say more
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "abort_on_example_error": True,
}

html_theme = "furo"
html_title = "xpnet"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
