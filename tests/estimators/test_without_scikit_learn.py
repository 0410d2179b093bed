"""scikit-learn is optional: xpnet does not import it, and the estimators say what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def run(code):
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def test_importing_xpnet_does_not_import_it():
    assert run("import sys, xpnet; print('sklearn' in sys.modules)") == "False"


def test_the_estimators_say_what_to_install():
    told = run(
        "import sys; sys.modules['sklearn'] = None\n"
        "import xpnet\n"
        "try:\n    xpnet.estimators\nexcept ImportError as error:\n    print(error)"
    )
    assert told.endswith('needs scikit-learn 1.6 or newer: pip install "xpnet[sklearn]"')
