"""Equations as MathML, written when the site is built: the pages need no script and no network.

A page has an equation in LaTeX, as a ```math block or between dollar signs, both of which GitHub
renders too. Docutils translates it, and Sphinx calls this for every equation (`html_math_renderer`
in docs/conf.py).
"""

from __future__ import annotations

from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator

__all__ = ["markup", "setup"]


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's hook for extensions."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


AS_DRAWN = {
    "<mo>'</mo>": "<mi>′</mi>",
    "<mi>⊤</mi>": '<mi mathvariant="normal">T</mi>',
    '<mtable class="ams-align">': '<mtable class="ams-align" displaystyle="true">',
}
"""Docutils' output, and its replacement.

Fonts without mathematics, such as a phone's, draw ' and ⊤ too wide. Sums and fractions in aligned
equations are as large as in others.
"""


def markup(latex: str, as_block: bool) -> str:
    """Return the MathML of an equation.

    Raises
    ------
    ValueError, SyntaxError
        Docutils doesn't know a command of it.
    """
    text: str = latex2mathml.tex2mathml(latex, as_block=as_block)
    for sign, drawn in AS_DRAWN.items():
        text = text.replace(sign, drawn)
    return text


def inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write an equation of the text."""
    write(writer, node, as_block=False)


def block(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write an equation that has lines of its own; a box, so that a wide one scrolls inside it."""
    writer.body.append('<div class="equation">')
    write(writer, node, as_block=True, end="</div>")


def write(
    writer: HTML5Translator, node: nodes.math | nodes.math_block, as_block: bool, end: str = ""
) -> None:
    """Append the MathML, in place of what Sphinx would write.

    Raises
    ------
    ExtensionError
        Docutils cannot translate it; the message has the page and the line.
    """
    try:
        writer.body.append(markup(node.astext(), as_block) + end)
    except (ValueError, SyntaxError) as error:
        place = f"{node.source}:{node.line}"
        raise ExtensionError(f"{place}: no MathML of {node.astext()!r}: {error}") from error
    raise nodes.SkipNode
