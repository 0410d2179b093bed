"""Turn an equation's text, ``dW_2 = dZ_2ᵀ A_1``, into MathML with subscripts and transposes.

Every piece of text is escaped, so an activation or a loss may have any name.
"""

from __future__ import annotations

import re
from html import escape

__all__ = ["breakable", "mathml"]

_TOKEN = re.compile(
    r"(?P<d>d)?(?P<letter>[A-ZΣa-zγβμσ]\u0302?)_(?P<sub>\d+(?:[.:]\d+)*|[jkln](?![a-z]))"
    r"(?P<power>[ᵀ²])?"
    r"|(?P<ones>1ᵀ)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<word>loss_n|[^\W\d_]\w*)(?P<prime>')?"
    r"|(?P<space>\s+)"
    r"|(?P<operator>[=+−·/∘()\[\]|,Σ∂:])"
    r"|(?P<other>.)",
    re.DOTALL,
)
_BREAK = re.compile(r" (?=[∘+−|/] )| (?=Σ)|(?<=,) ")
_LONG = 28  # characters that fit the width of a phone
_RAISED = '<mo lspace="0" rspace="0">{}</mo>'


def mathml(text: str) -> str:
    """Return a ``<math>`` element; a screen reader reads the text itself."""
    return f'<math aria-label="{escape(text)}">{_row(text)}</math>'


def breakable(text: str) -> str:
    """Return `mathml` in pieces, since browsers do not break lines within a ``<math>`` element.

    A screen reader reads the whole text at the first piece.
    """
    first, *rest = _BREAK.split(text) if len(text) > _LONG else [text]
    pieces = (f' <math aria-hidden="true">{_row(piece)}</math>' for piece in rest)
    return f'<math aria-label="{escape(text)}">{_row(first)}</math>{"".join(pieces)}'


def _row(text: str) -> str:
    return f"<mrow>{''.join(_token(match) for match in _TOKEN.finditer(text))}</mrow>"


def _token(match: re.Match[str]) -> str:
    found = match.groupdict()
    if found["letter"]:
        return _symbol(found)
    if found["ones"]:
        return f'<mn mathvariant="bold">1</mn>{_RAISED.format("ᵀ")}'
    if found["number"]:
        return f"<mn>{found['number']}</mn>"
    if found["word"]:
        return _word(found["word"]) + (_RAISED.format("′") if found["prime"] else "")
    if found["space"]:
        return '<mspace width="0.25em"></mspace>'
    if found["operator"]:
        return f'<mo stretchy="false">{escape(found["operator"])}</mo>'
    return f"<mtext>{escape(found['other'] or '')}</mtext>"


def _word(word: str) -> str:
    if word == "loss_n":
        return '<msub><mi mathvariant="normal">loss</mi><mi>n</mi></msub>'
    return f'<mi mathvariant="normal">{escape(word)}</mi>'


def _symbol(found: dict[str, str | None]) -> str:
    """Return a symbol such as dW_2ᵀ, with an upright d.

    The transpose is a character, which needs no mathematical font.
    """
    letter, sub, power = f"<mi>{found['letter']}</mi>", found["sub"] or "", found["power"]
    if found["d"]:
        letter = f'<mrow><mi mathvariant="normal">d</mi>{letter}</mrow>'
    tag = "mn" if sub[:1].isdigit() else "mi"
    symbol = f"<msub>{letter}<{tag}>{sub}</{tag}></msub>"
    return symbol + (_RAISED.format(power) if power else "")
