"""docs/backprop_picture.html in headless Chromium: what it draws, what lights up, who can use it.

Debian's packages chromium and chromium-driver, and selenium from PyPI; without them the tests that
need a browser are skipped.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from docs.draw_network import LARGEST, PAGE, SIZES, Matrix, backward, drawn, forward
from tests.support.helpers import needed

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
CONTRACTED = {"N": {"dW₂", "db₂", "dW₁", "db₁"}, "n0": {"Z₁"}, "n1": {"Z₂"}, "n2": {"dA₁"}}

EQUATIONS = [*forward(1), *forward(2), *(equation for group in backward() for equation in group)]
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
AXES = pytest.mark.parametrize("axis", SIZES)

# of every text that is seen: the contrast of its colour with what is behind it, by WCAG 2
CONTRASTS = """
const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data;
};
const luminance = (colour) => [...rgba(colour)].slice(0, 3).map((c) => c / 255)
  .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => {
  for (; element; element = element.parentElement) {
    const colour = getComputedStyle(element).backgroundColor;
    if (rgba(colour)[3] === 255) return colour;
  }
  throw "nothing is behind";
};
const found = [];
const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
  const [a, b] = [getComputedStyle(element).color, behind(element)].map(luminance);
  found.push([texts.currentNode.data, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
}
return found;
"""

# of every matrix: its label, and how many cells high and wide it is
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


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    webdriver = needed("selenium.webdriver")
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip("the browser tests need Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium):
    """The page, newly opened, 1200 wide and light."""
    look(chromium, "light")
    resize(chromium, 1200)
    chromium.get(PAGE.as_uri())
    yield chromium
    assert chromium.get_log("browser") == []


def look(browser, scheme):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def resize(browser, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def slide(browser, sizes):
    """Each slider to its size, by the arrow keys."""
    for axis, size in sizes.items():
        slider = browser.find_element("css selector", f"input[data-axis='{axis}']")
        steps = size - int(slider.get_attribute("value"))
        slider.send_keys(("\ue014" if steps > 0 else "\ue012") * abs(steps))  # right, left


def actions(browser):
    return importlib.import_module("selenium.webdriver").ActionChains(browser)


def press_tab(browser):
    actions(browser).send_keys("\ue004").perform()
    return browser.switch_to.active_element


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
    assert page.execute_script(STRIPS) == 3 * len(figures)  # a row, a column, and their entry


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
