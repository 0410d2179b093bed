"""Texts that a file format or a terminal may take for something else."""

from __future__ import annotations

HOSTILE = (
    "a,b",
    'say "x"',
    "two\nlines",
    "=1+1",
    " ",
    "0",
    "nan",
    "é😀",
    "\r",
    "-",
    "'",
    "a;b",
    "#",
)
