"""The site of the documentation: ``sphinx-build -W --keep-going -b html docs docs/_build/html``."""

import inspect
import pathlib
import re

import recurrent_layers
from recurrent_layers.layers import iteration
from recurrent_layers.layers.iteration import Recurrent

project = "recurrent_layers"
version = release = recurrent_layers.__version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx.ext.mathjax",
              "sphinx-mathjax-offline"]  # fmt: skip
exclude_patterns = ["_build"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

add_module_names = False
default_role = "py:obj"
autodoc_default_options = {"members": True, "ignore-module-all": True, "member-order": "bysource"}
autodoc_inherit_docstrings = False
autodoc_typehints = "none"
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = project
html_context = {"default_mode": "auto"}  # Light or dark, as the reader has it.
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

#: What the docstrings of all recurrent layers have.
SHARED = [iteration._PARAMETERS, iteration._OPTIONS, iteration._NOTES, iteration._REFERENCES]

#: Files elsewhere in the repository that a page shows, at a label that is their path.
SHOWN = {label for page in pathlib.Path(__file__).parent.glob("*.md")
         for label in re.findall(r"^\((\S+\.md)\)=$", page.read_text(encoding="utf-8"), re.MULTILINE)}  # fmt: skip


def lead_links(app, docname, source):
    """Lead links to Markdown elsewhere in the repository to where the site shows it, or else to the file."""
    source[0] = re.sub(
        r"\]\((?:\.\./)+(\S+\.md)\)",
        lambda link: f"](#{link[1]})" if link[1] in SHOWN else link[0].replace("](", "](path:"), source[0])  # fmt: skip


def say_options_once(app, what, name, thing, options, lines):
    """Say what all recurrent layers share at `Recurrent`, and not at each of them."""
    if what != "class" or not issubclass(thing, Recurrent) or thing is Recurrent:
        return
    text = "\n".join(lines)
    for shared in SHARED:
        text = text.replace(shared, "\n")
    text = re.sub(r"\n\nReferences\n-+\s*$", "", text)
    lines[:] = [*text.splitlines(), ""]


def sign_options_once(app, what, name, thing, options, signature, returned):
    """Let ``**options`` stand for what all recurrent layers share."""
    if what != "class" or not issubclass(thing, Recurrent) or thing is Recurrent:
        return None
    signature = inspect.signature(thing)
    shared = {one.name for one in inspect.signature(Recurrent).parameters.values() if one.kind is one.KEYWORD_ONLY}
    own = [one.replace(annotation=one.empty) for one in signature.parameters.values() if one.name not in shared]
    options = inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)
    return str(signature.replace(parameters=[*own, options], return_annotation=signature.empty)), None


def setup(app):
    app.connect("source-read", lead_links)
    app.connect("autodoc-process-docstring", say_options_once, priority=400)  # Before numpydoc.
    app.connect("autodoc-process-signature", sign_options_once)
