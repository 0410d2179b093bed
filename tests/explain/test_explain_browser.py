"""The page of ``net.explain`` in headless Chromium: its layout and its order.

Without a browser (`tests.support.browser`) the tests are skipped.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import xpnet
from tests.support.browser import CONTRASTS, look, press_tab, resize
from tests.support.chains import chained, examples
from xpnet.backends import get_backend

# the number and the position of every equation, in the order of the document
PLACES = """
return [...document.querySelectorAll(".eq")].map((eq) => {
  const {left, top, bottom} = eq.getBoundingClientRect();
  return [parseInt(eq.querySelector(".number").textContent.match(/\\d+/)[0]), left, top, bottom];
});
"""

SIDEWAYS = """
const {scrollWidth, clientWidth} = document.documentElement;
return [scrollWidth, clientWidth];
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Pages of three dense layers, of equations wider than a phone, and of residual connections."""
    folder = tmp_path_factory.mktemp("pages")
    net = xpnet.Network([6, 5, 4, 3], activation="tanh", loss="cross_entropy")
    X, Y = np.random.default_rng(0).normal(size=(8, 6)), np.arange(8) % 3
    bce = xpnet.Network(
        [6, 4, 3], activation=["softmax", "sigmoid"], loss="binary_cross_entropy", rng=1
    )
    pages = {
        "dense": net.explain(X, Y),
        "long": bce.explain(X, np.eye(3)[Y]),
        "residual": chained(get_backend("numpy"), "residual in residual").explain(*examples()),
    }
    for name, explanation in pages.items():
        explanation.save(folder / f"{name}.html")
    return {name: (folder / f"{name}.html", explanation) for name, explanation in pages.items()}


def opened(browser, path, width, scheme="light"):
    look(browser, scheme)
    resize(browser, width)
    browser.get(path.as_uri())


@pytest.mark.parametrize("page", ["dense", "residual"])
def test_forward_goes_down_on_the_left_and_backward_up_on_the_right(chromium, saved, page):
    path, explanation = saved[page]
    opened(chromium, path, 1280)
    places = {number: at for number, *at in chromium.execute_script(PLACES)}
    down = [places[r.number] for r in explanation if r.direction == "forward" and r.layer != "0"]
    up = [places[r.number] for r in explanation if r.direction == "backward"]
    assert max(left for left, *_ in down) < min(left for left, *_ in up)
    assert all(above[2] <= below[1] for above, below in pairwise(down))
    assert all(above[2] <= below[1] for below, above in pairwise(up))


def test_a_layer_stands_beside_its_gradients(chromium, saved):
    path, explanation = saved["dense"]
    opened(chromium, path, 1280)
    places = {number: at for number, *at in chromium.execute_script(PLACES)}
    for forward, backward in [("Z_1", "db_1"), ("Z_2", "dA_1"), ("Z_3", "dA_2"), ("loss", "dZ_3")]:
        tops = [places[explanation[symbol].number][1] for symbol in (forward, backward)]
        assert tops[0] == pytest.approx(tops[1], abs=1)  # both are the first of their band


@pytest.mark.parametrize("page", ["dense", "long", "residual"])
def test_a_narrow_screen_has_them_in_the_order_of_computation(chromium, saved, page):
    path, explanation = saved[page]
    opened(chromium, path, 390)
    places = chromium.execute_script(PLACES)
    assert [number for number, *_ in places] == [row.number for row in explanation]
    tops = [top for _, _, top, _ in places]
    assert tops == sorted(tops)
    scroll, client = chromium.execute_script(SIDEWAYS)
    assert scroll == client


@pytest.mark.parametrize("width", [390, 1280])
def test_the_tab_key_goes_in_the_order_of_computation(chromium, saved, width):
    path, explanation = saved["dense"]
    opened(chromium, path, width)
    met = [press_tab(chromium).get_attribute("id") for _ in range(len(explanation) + 1)]
    assert met[0].endswith("how")
    assert [int(key.rpartition("-")[2]) for key in met[1:]] == [row.number for row in explanation]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(chromium, saved, scheme):
    path, _ = saved["dense"]
    opened(chromium, path, 1280, scheme)
    found = chromium.execute_script(CONTRASTS.replace('"main"', '".xpnet-page"'))
    assert len(found) > 100
    assert [text for text, contrast in found if contrast < 4.5] == []
