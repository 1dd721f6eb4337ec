"""Sphinx's configuration: Markdown as GitHub reads it, a theme that asks no other site for anything."""

from __future__ import annotations

from typing import Any

from pygments.lexers import HtmlLexer
from pygments.lexers import Json5Lexer

import origin

project = "image-origin"
version = release = origin.__version__
copyright = "the authors of image-origin, MIT licence"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
suppress_warnings = ["toc.not_included"]  # a page that another page links need not be in the menu

# Markdown
myst_heading_anchors = 4  # headings are linked as on GitHub
myst_enable_extensions = ["deflist"]

# The reference of Python, from docstrings
default_role = "code"  # `text` in a docstring is code
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
add_module_names = False
# Types that no page here describes: of Python, of frameworks, and those inside.
nitpick_ignore_regex = [("py:.*", r".*")]

html_theme = "furo"
html_title = "image-origin"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_favicon = "../../origin/pages/pictures/icon.png"
html_copy_source = False
html_show_sphinx = False

# Blocks in languages that no lexer here knows, and JSON with comments.
_LEXERS = {"astro": HtmlLexer, "svelte": HtmlLexer, "json": Json5Lexer}


def setup(app: Any) -> None:
    for name, lexer in _LEXERS.items():
        app.add_lexer(name, lexer)
