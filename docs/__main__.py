"""The site: ``python -m docs [folder] [options of Sphinx]``, into docs/_build/html or folder.

A warning is an error. ``-D plot_gallery=0`` leaves the examples unexecuted.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def build(target: Path, *options: str) -> int:
    """Sphinx's exit status: 0 where the site stands in ``target``, without a warning.

    Raises
    ------
    ImportError
        Sphinx is missing; the message says what to install.
    """
    try:
        from sphinx.cmd.build import build_main
    except ImportError as error:
        raise ImportError("the site is built by Sphinx: pip install -e . --group docs") from error
    # what docs/source_pages.py makes of a link depends on files that Sphinx does not watch: -E
    return build_main(["-b", "html", "-E", "-W", "--keep-going", *options, str(HERE), str(target)])


if __name__ == "__main__":
    target, options = HERE / "_build" / "html", sys.argv[1:]
    if options and not options[0].startswith("-"):
        target = Path(options.pop(0))
    sys.exit(build(target, *options))
