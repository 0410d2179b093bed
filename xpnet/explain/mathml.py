"""An equation's text as MathML: ``dW_2 = dZ_2ᵀ A_1`` with subscripts and transposes.

Every piece of text is escaped, whatever an activation or a loss is called.
"""

from __future__ import annotations

import re
from html import escape

__all__ = ["mathml"]

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
_POWERS = {"ᵀ": '<mi mathvariant="normal">T</mi>', "²": "<mn>2</mn>"}


def mathml(text: str) -> str:
    """A ``<math>`` element; a screen reader gets the text itself."""
    parts = "".join(_token(match) for match in _TOKEN.finditer(text))
    return f'<math aria-label="{escape(text)}"><mrow>{parts}</mrow></math>'


def _token(match: re.Match[str]) -> str:
    found = match.groupdict()
    if found["letter"]:
        return _symbol(found)
    if found["ones"]:
        return _raised('<mn mathvariant="bold">1</mn>', "ᵀ")
    if found["number"]:
        return f"<mn>{found['number']}</mn>"
    if found["word"]:
        word = f'<mi mathvariant="normal">{escape(found["word"])}</mi>'
        if found["word"] == "loss_n":
            word = '<msub><mi mathvariant="normal">loss</mi><mi>n</mi></msub>'
        return f'{word}<mo lspace="0" rspace="0">′</mo>' if found["prime"] else word
    if found["space"]:
        return '<mspace width="0.25em"></mspace>'
    tag = "mo" if found["operator"] else "mtext"
    stretchy = ' stretchy="false"' if tag == "mo" else ""
    return f"<{tag}{stretchy}>{escape(found[match.lastgroup or 'other'] or '')}</{tag}>"


def _symbol(found: dict[str, str | None]) -> str:
    letter = f"<mi>{escape(found['letter'] or '')}</mi>"
    if found["d"]:
        letter = f'<mrow><mi mathvariant="normal">d</mi>{letter}</mrow>'
    tag = "mn" if (found["sub"] or "")[:1].isdigit() else "mi"
    return _raised(letter, found["power"], f"<{tag}>{escape(found['sub'] or '')}</{tag}>")


def _raised(base: str, power: str | None, sub: str = "") -> str:
    above = _POWERS.get(power or "", "")
    if above and sub:
        return f"<msubsup>{base}{sub}{above}</msubsup>"
    if above:
        return f"<msup>{base}{above}</msup>"
    return f"<msub>{base}{sub}</msub>" if sub else base
