"""docs/backprop_picture.html in headless Chromium: its drawing, highlights and accessibility.

Without a browser (`tests.support.browser`), the tests that need one are skipped.
"""

from __future__ import annotations

import re

import pytest

from docs.draw_network import LARGEST, PAGE, SIZES, Matrix, backward, drawn, forward
from tests.support.browser import CONTRASTS, actions, look, press_tab, resize

CONTRACTED = {"N": {"dW₂", "db₂", "dW₁", "db₁"}, "n0": {"Z₁"}, "n1": {"Z₂"}, "n2": {"dA₁"}}

EQUATIONS = [*forward(1), *forward(2), *(equation for group in backward() for equation in group)]
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
AXES = pytest.mark.parametrize("axis", SIZES)


# every matrix's label, height and width in cells
CELLS = """
return [...document.querySelectorAll(".matrix svg")].map((svg) => {
  const {width, height} = getComputedStyle(svg);
  const cell = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--cell"));
  return [svg.getAttribute("aria-label"), parseFloat(height) / cell, parseFloat(width) / cell];
});
"""

STRIPS = """
const strips = [...document.querySelectorAll(".strip")];
return strips.filter((strip) => getComputedStyle(strip).opacity > 0).length;
"""

NUMBERS = "return [...document.querySelectorAll('[data-product]')].map((e) => e.textContent);"


@pytest.fixture
def page(chromium):
    """The page, newly opened, 1200 pixels wide and light."""
    look(chromium, "light")
    resize(chromium, 1200)
    chromium.get(PAGE.as_uri())
    yield chromium
    assert chromium.get_log("browser") == []


def slide(browser, sizes):
    """Move each slider to its size with the arrow keys."""
    for axis, size in sizes.items():
        slider = browser.find_element("css selector", f"input[data-axis='{axis}']")
        steps = size - int(slider.get_attribute("value"))
        slider.send_keys(("\ue014" if steps > 0 else "\ue012") * abs(steps))  # right, left


def of_symbols(sizes):
    return {"1": 1} | {axis.translate(str.maketrans("012", "₀₁₂")): n for axis, n in sizes.items()}


# --- the drawing, without a browser


def test_the_committed_page_is_what_the_script_draws():
    text = PAGE.read_text(encoding="utf-8")
    assert drawn(text) == text, "`python -m docs.draw_network` draws it anew"


def test_the_page_asks_nothing_of_a_network():
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"https?:|//[a-z]|@import|\bsrc=|fetch|XMLHttp", text) == []


def test_the_summed_axis_is_last_on_the_left_and_first_on_the_right():
    products = [equation for equation in EQUATIONS if "Σ" in equation.parts]
    assert len(products) == 7  # 3L − 1 = 5, and 1ᵀ dZ twice
    for equation in products:
        left, right = equation.parts[0], equation.parts[2]
        assert isinstance(left, Matrix)
        assert isinstance(right, Matrix)
        assert left.cols == right.rows == equation.summed, equation.text
        assert (equation.result.rows, equation.result.cols) == (left.rows, right.cols)


def test_elementwise_lines_keep_both_axes():
    for equation in EQUATIONS:
        if not equation.summed:
            matrices = [p for p in (equation.result, *equation.parts) if isinstance(p, Matrix)]
            assert len({(m.rows, m.cols) for m in matrices}) == 1, equation.text


# --- in the browser


def test_without_its_script_it_shows_the_same(page, tmp_path):
    expected = page.execute_script(NUMBERS), page.execute_script(CELLS)
    text, n = re.subn(r"<script>.*</script>", "", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert n == 1
    (tmp_path / "plain.html").write_text(text, encoding="utf-8")
    page.get((tmp_path / "plain.html").as_uri())
    assert (page.execute_script(NUMBERS), page.execute_script(CELLS)) == expected
    assert not page.find_element("css selector", "input").is_displayed()  # it would do nothing


def test_sliders_draw_to_scale_and_count(page):
    sizes = {"N": 9, "n0": 4, "n1": 7, "n2": 1}
    slide(page, sizes)
    of = of_symbols(sizes)
    for label, rows, cols in page.execute_script(CELLS):
        assert [rows, cols] == [of[s] for s in label.partition(": ")[2].split(" by ")], label
    captions = page.find_elements("tag name", "figcaption")
    flops = [re.search(r"([\d,]+) FLOPs", caption.text) for caption in captions]
    counted = [int(found[1].replace(",", "")) for found in flops if found]
    N, n0, n1, n2 = sizes.values()
    Z1, Z2, dA1, dZ1 = 2 * N * n0 * n1 + N * n1, 2 * N * n1 * n2 + N * n2, 2 * N * n1 * n2, N * n1
    assert counted == [Z1, Z2, 2 * N * n1 * n2, 2 * N * n2, dA1, dZ1, 2 * N * n0 * n1, 2 * N * n1]


def test_equal_sizes_are_named(page):
    remark = page.find_element("id", "equal")
    assert remark.text.startswith("All sizes differ")
    slide(page, {"N": 4, "n1": 4})
    assert remark.text.startswith("N = n₁ = 4: a wrong transpose can have the right shape")


@AXES
def test_pointing_at_an_axis_lights_it_everywhere(page, axis):
    button = page.find_element("css selector", f"figure button[data-axis='{axis}']")
    actions(page).move_to_element(button).perform()
    assert_lit(page, axis)
    actions(page).move_to_element(page.find_element("tag name", "h1")).perform()
    assert page.find_elements("class name", "lit") == []


@AXES
def test_focusing_an_axis_lights_it_everywhere(page, axis):
    while press_tab(page).get_attribute("data-axis") != axis:
        pass
    assert_lit(page, axis)
    page.execute_script("document.activeElement.blur()")
    assert page.find_elements("class name", "lit") == []


def assert_lit(page, axis):
    lit = page.find_elements("class name", "lit")
    assert {place.get_attribute("data-axis") for place in lit} == {axis}
    assert len(lit) == len(page.find_elements("css selector", f"[data-axis='{axis}']"))
    figures = page.find_elements("xpath", "//figure[.//*[@class='sum lit']]")
    results = {figure.find_element("tag name", "b").text.partition(" =")[0] for figure in figures}
    assert results == CONTRACTED[axis]
    assert page.execute_script(STRIPS) == 3 * len(figures)  # a row, a column, and an entry


def test_the_keyboard_reaches_every_axis_and_slider_and_shows_where_it_is(page):
    for element in page.find_elements("css selector", "button, input, a"):
        assert press_tab(page) == element
        assert element.value_of_css_property("outline-width") == "3px"


def test_everything_has_a_name(page):
    for element in page.find_elements("css selector", "button, input, svg[role]"):
        assert element.accessible_name
    assert page.find_element("tag name", "html").get_attribute("lang") == "en"


@SCHEMES
@pytest.mark.parametrize("axis", ["", *SIZES])
def test_contrast(page, scheme, axis):
    look(page, scheme)
    page.execute_script("light(arguments[0] || undefined)", axis)
    contrasts = page.execute_script(CONTRASTS)
    assert len(contrasts) > 100
    assert [text for text, contrast in contrasts if contrast < 4.5] == []


@pytest.mark.parametrize("width", [320, 375, 768, 960, 1440])
def test_no_sideways_scrolling(page, width):
    resize(page, width)
    slide(page, dict.fromkeys(SIZES, LARGEST))
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
