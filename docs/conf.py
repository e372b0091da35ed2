"""The site of the documentation: ``sphinx-build -W --keep-going -b html docs docs/_build/html``."""

import pathlib
import re

import recurrent_layers

project = "recurrent_layers"
version = release = recurrent_layers.__version__
extensions = ["myst_parser", "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_sidebars = {"**": ["pages"]}
html_theme_options = {
    "navbar_center": [],  # All pages are in the sidebar.
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "show_toc_level": 2,
}

#: Files elsewhere in the repository that a page shows, at a label that is their path.
SHOWN = {label for page in pathlib.Path(__file__).parent.glob("*.md")
         for label in re.findall(r"^\((\S+\.md)\)=$", page.read_text(encoding="utf-8"), re.MULTILINE)}  # fmt: skip


def lead_links(app, docname, source):
    """Lead links to Markdown elsewhere in the repository to where the site shows it, or else to the file."""
    source[0] = re.sub(
        r"\]\((?:\.\./)+(\S+\.md)\)",
        lambda link: f"](#{link[1]})" if link[1] in SHOWN else link[0].replace("](", "](path:"), source[0])  # fmt: skip


def setup(app):
    app.connect("source-read", lead_links)
