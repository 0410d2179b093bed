"""The site builds without a warning, its links work, and it has every public name.

    python -m docs

The group ``docs`` has Sphinx and the packages of docs/conf.py. The tests in headless Chromium also
need selenium and Debian's packages chromium and chromium-driver. Without them tests are skipped.
"""

from __future__ import annotations

import fcntl
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from inspect import ismodule
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest

import xpnet
from tests.support.browser import look, resize
from tests.support.helpers import ROOT, needed
from tests.support.pages import contrast

NEEDED = ("sphinx", "myst_parser", "furo", "sphinx_gallery", "sklearn", "matplotlib")
PAGES = (
    "index",
    "backprop",
    "gallery",
    "reference/network",
    "architecture",
    "decisions/engines",
    "tables",
    "how_good",
    "genindex",
    "backprop_picture",
)
VOID = {"xpnet.__version__"}  # a string, which the reference's first page shows


@pytest.fixture(scope="module")
def site(tmp_path_factory, worker_id):
    """The folder of the built site; one process builds it, the others wait and share it."""
    if absent := [package for package in NEEDED if not find_spec(package)]:
        pytest.skip(f"the site needs {', '.join(absent)}: pip install -e . --group docs")
    folder = tmp_path_factory.getbasetemp()
    target = (folder if worker_id == "master" else folder.parent) / "site"
    with open(f"{target}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "built").exists():
            command = [sys.executable, "-m", "docs", str(target), "-q", "-D", "plot_gallery=0"]
            run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert run.returncode == 0, run.stdout + run.stderr
            (target / "built").touch()
    return target


class Page(HTMLParser):
    """The links of a page, the files that it loads, and its anchors."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.anchors, self.without_alt = [], [], {""}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        has = dict(attributes)
        self.anchors |= {has[name] for name in ("id", "name") if has.get(name)}
        if tag == "a" and has.get("href"):
            self.links.append(has["href"])
        if tag in ("script", "img", "link", "iframe", "source"):
            self.loads += [has[name] for name in ("src", "href") if has.get(name)]
        if tag == "img" and "alt" not in has:  # alt="" marks decoration
            self.without_alt.append(has.get("src"))


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def is_outside(link):
    return bool(urlsplit(link).scheme or urlsplit(link).netloc)


def dead(path, link, pages):
    """Return whether a link of the page leads to a missing file or anchor."""
    parts = urlsplit(link)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return True
    anchor = unquote(parts.fragment)
    return target in pages and anchor not in pages[target].anchors


def test_links_and_anchors_lead_somewhere(pages):
    links = [
        (path, link) for path, page in pages.items() for link in page.links if not is_outside(link)
    ]
    assert len(links) > 1000
    wrong = {f"{path.name}: {link}" for path, link in links if dead(path, link, pages)}
    assert not wrong, "\n".join(sorted(wrong))


def test_what_is_loaded_lies_beside_the_page(pages):
    for path, page in pages.items():
        for address in page.loads:
            assert not is_outside(address) or address.startswith("data:"), f"{path}: {address}"
            if not address.startswith("data:"):
                assert not dead(path, address, pages), f"{path}: {address}"


def test_every_picture_has_a_text(pages):
    assert {str(path): page.without_alt for path, page in pages.items() if page.without_alt} == {}


@pytest.mark.parametrize("name", ["index", "backprop"])
def test_equations_are_mathml(site, pages, name):
    source = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    page = (site / f"{name}.html").read_text(encoding="utf-8")
    assert page.count('display="block"') == source.count("```math\n") > 0
    loads = pages[site / f"{name}.html"].loads
    assert not [address for address in loads if "mathjax" in address.lower()]


def test_an_equation_that_cannot_be_translated_is_an_error():
    nodes, error = needed("docutils.nodes"), needed("sphinx.errors").ExtensionError
    mathml = import_module("docs.mathml")
    node = nodes.math_block("", r"\nonsense{1}")
    node.source, node.line = "page.md", 7
    with pytest.raises(error, match=r"page\.md:7.*nonsense"):
        mathml.block(SimpleNamespace(body=[]), node)


RULE = re.compile(r"([\w.]+) \{ fill: (#\w{6});")


@pytest.mark.parametrize("name", ["step", "floors"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_in_a_drawing_stands_out(name, scheme):
    style = (ROOT / "docs" / "img" / f"{name}.svg").read_text(encoding="utf-8")
    light, dark = style.partition("</style>")[0].split("@media")
    light = re.sub(r"font: [^;]*; |font-size: [^;]*; ", "", light)
    fills = dict(RULE.findall({"light": light, "dark": dark}[scheme]))
    assert {"text", ".small", ".card", ".box", ".math", ".grad"} <= set(fills)
    for text in ("text", ".small"):
        for behind in (".card", ".box", ".math", ".grad"):
            assert contrast(fills[text], fills[behind]) >= 4.5, f"{text} on {behind}"


def public_names():
    """Return every name in ``xpnet.__all__`` and in the ``__all__`` of modules listed there."""
    for name in xpnet.__all__:
        value = getattr(xpnet, name)
        yield f"xpnet.{name}"
        if ismodule(value):
            yield from (f"xpnet.{name}.{below}" for below in import_module(value.__name__).__all__)


def objects(site):
    """The names that the reference describes, from Sphinx's inventory."""
    inventory = import_module("sphinx.util.inventory").InventoryFile
    with (site / "objects.inv").open("rb") as file:
        found = inventory.load(file, "", lambda base, path: path)
    described = {}
    for kind in ("py:class", "py:function", "py:method", "py:property", "py:exception"):
        described |= found.get(kind, {})
    return described | found.get("py:data", {}) | found.get("py:module", {})


def test_every_public_name_is_in_the_reference(site):
    described = set(objects(site))
    twice = {f"xpnet.{module}.{name}" for module, name in same_objects()}
    missing = set(public_names()) - described - VOID - twice
    assert not missing, f"docs/reference lacks {sorted(missing)}"


def same_objects():
    """Return names of modules that are also in ``xpnet`` and described there."""
    for name in public_names():
        _, *module, last = name.split(".")
        value = getattr(xpnet, last, None)
        if module and value is not None and value is getattr(getattr(xpnet, module[0]), last):
            yield module[0], last


def test_every_method_of_a_network_is_in_the_reference(site):
    public = {f"xpnet.Network.{name}" for name in dir(xpnet.Network) if not name.startswith("_")}
    assert public <= set(objects(site))


def test_the_reference_of_a_network_begins_with_what_users_call(site):
    text = (site / "reference" / "network.html").read_text(encoding="utf-8")

    def places(*names):
        return [text.index(f'id="xpnet.Network.{name}"') for name in names]

    used = places("__call__", "fit", "predict", "gradient", "weights", "save", "to")
    assert max(used) < min(places("complete", "copies", "take", "plan"))


def test_no_two_pages_of_the_contents_have_one_title(site):
    sidebar = (site / "index.html").read_text(encoding="utf-8").partition('class="sidebar-tree"')[2]
    links = re.findall(r'class="reference internal" href="[^"]*">([^<]+)</a>', sidebar)
    titles = links[: links.index("Changelog") + 1]
    assert len(titles) > 30
    assert len(set(titles)) == len(titles)


# --- in the browser


@pytest.fixture
def browser(chromium):
    yield chromium
    look(chromium, "light")


def first_example(site):
    return min((site / "gallery").glob("plot_*.html"))


# how much wider the page is than its window; on a phone furo's text has its own scroll bar
OVERHANG = """
const parts = [document.documentElement, ...document.querySelectorAll(".content")];
return Math.max(...parts.map((part) => part.scrollWidth - part.clientWidth));
"""


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_script_error_and_does_not_scroll_sideways(site, browser, name, width):
    path = first_example(site) if name == "gallery" else site / f"{name}.html"
    resize(browser, width)
    browser.get(path.as_uri())
    assert browser.find_element("tag name", "h1").is_displayed()
    assert browser.execute_script(OVERHANG) <= 0
    assert browser.get_log("browser") == []


# the bottom of an element in the unscrolled page, and the hidden part of its width
BOTTOM = "return document.querySelector(arguments[0]).getBoundingClientRect().bottom;"
HIDDEN = """
const parts = [...document.querySelectorAll(arguments[0])];
return parts.map((part) => part.scrollWidth - part.clientWidth);
"""

HOME = ("h1", "article .equation", ".highlight-console", "article strong", ".picture")


@pytest.mark.parametrize(
    ("name", "part"),
    [*(("index", part) for part in HOME), ("backprop", ".beside"), ("backprop", "article pre")],
)
def test_the_first_screen_shows_the_part(site, browser, name, part):
    resize(browser, 1280)
    browser.get((site / f"{name}.html").as_uri())
    assert 0 < browser.execute_script(BOTTOM, part) <= 800


@pytest.mark.parametrize(("name", "n"), [("index", 1), ("backprop", 2)])
def test_the_first_equations_are_whole_on_a_phone(site, browser, name, n):
    resize(browser, 390)
    browser.get((site / f"{name}.html").as_uri())
    assert browser.execute_script(HIDDEN, ".beside .equation") == [0] * n


def test_a_wide_equation_scrolls_in_its_own_box(site, browser):
    resize(browser, 390)
    browser.get((site / "backprop.html").as_uri())
    hidden = browser.execute_script(HIDDEN, ".equation")
    assert max(hidden) > 0  # otherwise the test of the whole page would prove nothing
    box = browser.find_elements("class name", "equation")[hidden.index(max(hidden))]
    assert box.value_of_css_property("overflow-x") == "auto"


# the text of the addressed line: everything between its anchor and the next one
LINE = """
let text = "", at = document.querySelector(":target").nextSibling;
for (; at && !at.id; at = at.nextSibling) text += at.textContent;
return text;
"""


def test_a_link_to_a_line_leads_to_that_line(site, browser):
    browser.get((site / "backprop.html").as_uri())
    quoted = "Z = backend.matmul(A, W.mT)"
    link = browser.find_element("xpath", f"//a[contains(., '{quoted}')]")
    browser.get(link.get_attribute("href"))
    assert quoted in browser.execute_script(LINE)
