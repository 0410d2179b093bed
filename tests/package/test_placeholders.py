"""The repository has no public address yet: one file has a placeholder for it.

To publish the repository, replace the lines listed in `PLACES`, and then this file.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.helpers import ROOT

PLACEHOLDER = "OWNER" + "/"
PLACES = {
    "pyproject.toml": [
        'Source = "https://github.com/OWNER/xpnet"',
        'Issues = "https://github.com/OWNER/xpnet/issues"',
    ]
}
ADDRESS = re.compile(
    r"""[\w-]+\.\w+[/:][\w.-]+/xpnet\b  # a repository: host.com/somebody/xpnet
    | \bxpnet\.(org|dev|io|com|net|readthedocs)\b  # a site
    | [\w.+-]+@[\w-]+\.\w+  # a mailbox""",
    re.VERBOSE,
)


def tracked(*patterns):
    """Return the texts of the files that git tracks, by name."""
    command = ["git", "ls-files", "-z", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("needs a clone: git lists the files, which an unpacked archive cannot")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return {name: (ROOT / name).read_text(encoding="utf-8", errors="replace") for name in names}


def test_the_placeholder_stands_where_the_list_says():
    here = Path(__file__).relative_to(ROOT).as_posix()
    found = {
        name: lines
        for name, text in tracked().items()
        if (lines := [line for line in text.splitlines() if PLACEHOLDER in line]) and name != here
    }
    assert found == PLACES


def test_no_page_or_setting_names_an_invented_address():
    texts = tracked("*.md", "*.toml", "*.yml", "*.yaml", "*.rst", "*.cff", "docs/*.py")
    found = {
        (name, match[0])
        for name, text in texts.items()
        for match in ADDRESS.finditer(text)
        if PLACEHOLDER not in match[0]
    }
    assert found == set()


@pytest.mark.parametrize(
    "text",
    ["github.com/somebody/xpnet", "host.org:we/xpnet.git", "xpnet.dev", "xpnet@example.org"],
)
def test_an_invented_address_would_be_found(text):
    assert ADDRESS.search(text)
