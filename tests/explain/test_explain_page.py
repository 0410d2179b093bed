"""The page of ``net.explain`` is self-contained, small, safe and readable; and its command."""

from __future__ import annotations

import re
import struct
import zlib

import numpy as np
import pytest

import xpnet
from tests.support.chains import CHAINS, chained, examples
from tests.support.command import fails, rows_of, write
from tests.support.helpers import FRUIT
from tests.support.pages import HOSTILE, contrast, parsed
from xpnet.backends import get_backend
from xpnet.cli import main
from xpnet.equations.activation import elementwise
from xpnet.explain.cards import figure
from xpnet.explain.heatmap import levels, png, pooled
from xpnet.explain.mathml import breakable, mathml
from xpnet.losses import Loss
from xpnet.pages.style import STYLE
from xpnet.tables import read_schema


def explained(chain="all", **asked):
    return chained(get_backend("numpy"), chain).explain(*examples(), **asked)


def saved(explanation, tmp_path):
    explanation.save(tmp_path / "pass.html")
    return (tmp_path / "pass.html").read_text(encoding="utf-8")


# --- the document


@pytest.mark.parametrize("chain", list(CHAINS))
def test_it_parses_and_asks_for_nothing(chain, tmp_path):
    explanation = explained(chain, entry=("1", 0, 0) if chain == "dropout" else None)
    for text in (saved(explanation, tmp_path), explanation._repr_html_()):
        tree = parsed(text)
        assert tree.find(".//script") is None
        assert not re.search(r"https?:|url\(|@import|javascript:", text)
        for element in tree.iter():
            assert not any(name.startswith("on") for name in element.attrib)
            assert "href" not in element.attrib
            assert element.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")


@pytest.mark.parametrize("chain", list(CHAINS))
def test_it_is_read_aloud_in_the_order_of_computation(chain):
    """Every equation occurs once; backward ones start at dZ_L, although dZ_L is at the bottom."""
    explanation = explained(chain, check=False)
    labels = [
        m.get("aria-label")
        for m in parsed(explanation._repr_html_()).findall(".//label//{*}math[@aria-label]")
    ]
    assert labels == [row.equation for row in explanation]


@pytest.mark.parametrize("chain", list(CHAINS))
def test_backward_equations_stand_beside_the_forward_ones_of_their_layer(chain):
    """Both halves of a band have the same grid line."""
    explanation = explained(chain, check=False)
    tree = parsed(explanation._repr_html_())
    layer = {row.equation: row.layer for row in explanation}
    lines = {}
    for half in tree.findall(".//div[@class='pass']/div"):
        labels = [m.get("aria-label") for m in half.findall(".//label//{*}math[@aria-label]")]
        for label in labels:
            lines.setdefault((layer[label], half.get("style")), set()).add(half.get("class")[:2])
    for (l, _), sides in lines.items():
        inside = any(other.startswith(f"{l}.") for other in layer.values())
        assert inside or sides == {"do", "up"}, l


def test_the_page_says_what_its_letters_are():
    net = xpnet.Network([6, 5, 3], activation="tanh", loss="cross_entropy")
    X, Y = np.random.default_rng(0).normal(size=(8, 6)), np.arange(8) % 3
    tree = parsed(net.explain(X, Y)._repr_html_())
    legend = "".join(tree.find(".//div[@class='more']").itertext())
    legend = re.sub(r"\s+", "", legend)
    assert "HereN=8,n0=6,n1=5,n2=3." in legend
    assert "Wlisnl×nk,wherekisthelayerbeforel:rowiholdstheweightsofuniti." in legend
    assert "exceptforsoftmax" in legend
    text = re.sub(r"\s+", " ", "".join(tree.find(".//body").itertext()))
    assert "loss, relative error, in float64: " in text
    assert "tanh'(Z1) = 1 − A1 ∘ A1" in text


def test_costs_tell_the_bias_from_the_product():
    explanation = explained("dropout", check=False)
    text = "".join(parsed(explanation._repr_html_()).find(".//body").itertext())
    row = explanation["Z_1"]
    assert row.flops == 2 * 9 * 5 * 8 + 9 * 8
    assert "792, of which 72 to add b_1" in text


def test_folds_work_by_keyboard_and_have_names_of_their_own():
    explanation = explained()
    tree = parsed(explanation._repr_html_() + explanation._repr_html_())  # two in one notebook
    boxes = [box.get("id") for box in tree.findall(".//input")]
    assert len(boxes) == len(set(boxes)) == 2 * (len(explanation) + 1)
    assert {label.get("for") for label in tree.findall(".//label")} == set(boxes)
    assert "input:focus-visible+label{outline" in STYLE
    box = re.search(r"\.xpnet-page input\{([^}]*)\}", STYLE)
    assert box
    assert "display" not in box[1]  # otherwise it could not have focus
    assert "visibility" not in box[1]


def test_pictures_are_told_in_words():
    explanation = explained("dropout")
    told = [image.get("alt") for image in parsed(explanation._repr_html_()).findall(".//img")]
    A = explanation["A_1"].array
    expected = f"heatmap of A_1, 9 × 8: from {A.min():.3g} to {A.max():.3g}"
    assert expected in told
    assert all(told)


def test_without_a_style_sheet_the_text_is_seen():
    explanation = explained()
    text = re.sub(r"<style>.*?</style>", "", explanation._repr_html_())
    tree = parsed(text)
    assert tree.find(".//pre").text == str(explanation)
    hidden = tree.find(".//div[@class='xpnet-page']")
    assert hidden.get("style") == "display:none"
    assert ".xpnet-page{display:block !important" in STYLE
    assert ".xpnet-fallback{display:none}" in STYLE


def test_size():
    net = xpnet.Network([784, 256, 10], loss="cross_entropy")
    rng = np.random.default_rng(0)
    X, Y = rng.uniform(size=(128, 784)), rng.integers(0, 10, 128)
    explanation = net.explain(X, Y, entry=(1, 0, 0))
    assert len(explanation._repr_html_().encode()) < 200_000


def test_hostile_names_are_text(tmp_path):
    act = elementwise(HOSTILE, lambda xp, Z: xp.tanh(Z), lambda xp, Z, A: 1 - A * A)
    loss = Loss(HOSTILE, lambda xp, A, Y: (xp.sum((A - Y) ** 2, axis=-1), (A - Y) * 2.0))
    net = xpnet.Network([3, 4, 2], activation=act, loss=loss)
    X = np.random.default_rng(0).normal(size=(6, 3))
    explanation = net.explain(X, X[:, :2])
    assert_harmless(saved(explanation, tmp_path))

    net = xpnet.Network(hidden=(4,))
    labels = np.asarray([HOSTILE, "b", "c"] * 2)
    net.fit(X, labels, epochs=1)
    explanation = net.explain(Frame(X, [HOSTILE, "x", "y"]), labels)
    assert explanation.inputs[0] == explanation.outputs[0] == HOSTILE
    text = saved(explanation, tmp_path)
    assert_harmless(text)
    cells = [cell.text for cell in parsed(text).findall(".//td")]
    assert cells.count(HOSTILE) == 2


class Frame:
    """The parts of a data frame that a network reads: named columns, and an array."""

    def __init__(self, X, columns):
        self.X, self.columns, self.shape, self.dtype = X, columns, X.shape, X.dtype

    def __array__(self, dtype=None, copy=None):
        return self.X


def assert_harmless(text):
    tree = parsed(text)
    assert tree.find(".//script") is None
    assert len(tree.findall(".//style")) == 2
    assert all(image.get("src").startswith("data:") for image in tree.findall(".//img"))
    assert "alert" in text


def test_mathematics_with_subscripts_and_transposes():
    tree = parsed(mathml("dW_3.1 = dZ_3.1ᵀ A_2"))
    math = tree.find(".//{*}math")
    subscripts = [
        ("".join(sub[0].itertext()), sub[1].text) for sub in math.iter() if sub.tag.endswith("msub")
    ]
    assert subscripts == [("dW", "3.1"), ("dZ", "3.1"), ("A", "2")]
    assert "".join("".join(math.itertext()).split()) == "dW3.1=dZ3.1ᵀA2"


def test_a_long_equation_may_break_and_is_read_as_one():
    text = "loss = −(1/(N n)) Σ (Y ∘ ln(A_2) + (1 − Y) ∘ ln(1 − A_2))"
    first, *rest = parsed(breakable(text)).findall(".//{*}math")
    assert first.get("aria-label") == text
    assert all(piece.get("aria-hidden") == "true" for piece in rest)
    pieces = ["".join("".join(piece.itertext()).split()) for piece in (first, *rest)]
    assert "".join(pieces) == re.sub(r"[\s_]", "", text)
    assert max(map(len, pieces)) <= 16
    assert breakable("dW_1 = dZ_1ᵀ A_0") == mathml("dW_1 = dZ_1ᵀ A_0")


# --- colours


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_of_text_is_at_least_4_5(theme):
    found = re.findall(r"--([\w-]+):(#[0-9a-f]{6})", STYLE)
    n = len({name for name, _ in found})
    colours = dict(found[:n] if theme == "light" else found[n : 2 * n])
    assert colours["bg"] == ("#ffffff" if theme == "light" else "#14181f")
    for ground in ("bg", "card", "N", "n0", "n1", "n2", "n3"):
        assert contrast(colours["fg"], colours[ground]) >= 4.5, ground
    for ground in ("bg", "card"):
        assert contrast(colours["dim"], colours[ground]) >= 4.5, ground
        assert contrast(colours["focus"], colours[ground]) >= 3.0, ground
    assert contrast(colours["warn"], colours["warn-bg"]) >= 4.5


def test_axes_that_cancel_share_a_colour():
    net = xpnet.Network([6, 5, 4, 3], loss="cross_entropy")
    X, Y = np.random.default_rng(0).normal(size=(8, 6)), np.arange(8) % 3
    tree = parsed(net.explain(X, Y)._repr_html_())
    axes = {}
    for equation in tree.findall(".//div[@class='eq']"):
        of = [(s.get("class"), s.text) for s in equation.findall(".//p[@class='shapes']/span")]
        axes[equation.find(".//{*}math").get("aria-label")] = [a for a in of if "axis" in a[0]]
    assert axes["Z_2 = A_1 W_2ᵀ + b_2"] == [("axis n1", "5")] * 2
    assert axes["dA_1 = dZ_2 W_2"] == [("axis n2", "4")] * 2
    assert axes["dW_2 = dZ_2ᵀ A_1"] == [("axis N", "8")] * 2
    assert axes["dZ_2 = dA_2 ∘ relu'(Z_2)"] == []


# --- heatmaps


def decoded(data):
    """Decode a PNG as its standard says: return the palette with opacity, and indices (m, n)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        (crc,) = struct.unpack(">I", data[at + 8 + size : at + 12 + size])
        assert crc == zlib.crc32(kind + body)
        chunks[kind], at = body, at + 12 + size
    width, height, *rest = struct.unpack(">2I5B", chunks[b"IHDR"])
    assert rest == [8, 3, 0, 0, 0]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    return palette, np.frombuffer(chunks[b"tRNS"], np.uint8), lines[:, 1:]


def test_pixels_are_the_entries():
    array = np.asarray([[-2.0, -1.0, 0.0], [0.5, 2.0, np.nan], [1.0, -np.inf, 1e-9]])
    palette, opacity, pixels = decoded(png(array))
    assert pixels.tolist() == [[0, 16, 32], [40, 64, 65], [48, 65, 32]]
    assert opacity[[0, 16, 32, 48, 64, 65]].tolist() == [255, 127, 0, 127, 255, 255]
    blue, orange, violet = palette[0].tolist(), palette[64].tolist(), palette[65].tolist()
    assert blue[2] > 2 * blue[0]
    assert orange[0] > 2 * orange[2]
    assert violet not in (blue, orange)
    assert (palette[:32] == palette[0]).all()
    assert (palette[32:65] == palette[64]).all()


def test_large_matrices_are_pooled_by_the_largest_magnitude():
    array = np.zeros((200, 784), np.float32)
    array[150, 700], array[3, 5], array[60, 9] = -7.0, 3.5, np.nan
    cells = pooled(array)
    assert cells.shape == (64, 64)
    assert np.nanmin(cells) == -7.0
    assert np.nanmax(cells) == 3.5
    assert np.isnan(cells).sum() == 1
    assert cells[int(150 * 64 / 200), int(700 * 64 / 784)] == -7.0
    assert decoded(png(array))[2].shape == (64, 64)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([0.0, 0.25, 1.5], "0 above 1.5"),
        ([-2.0, 0.0], "−2 below 0"),
        ([-1.0, 0.5], "−1 1"),
        ([0.0, 0.0], "all zero"),
    ],
)
def test_a_scale_goes_below_and_above_0_where_the_entries_do(entries, said):
    caption = re.search("<figcaption>(.*)</figcaption>", figure("A", np.asarray([entries]), ""))
    assert caption
    found = re.sub('<span class="ramp( ?)([a-z]*)"></span>', r" \2 ", caption[1])
    assert found.split() == said.split()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (65, 2), (2, 3, 4), (5,)])
def test_any_matrix_has_a_picture(shape):
    array = np.ones(shape)
    assert (decoded(png(array))[2] == 64).all()
    assert (levels(0 * array) == 32).all()
    assert max(levels(array).shape) <= 64


# --- files


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    explanation = explained("dropout")
    with pytest.raises(FileNotFoundError, match="no folder"):
        explanation.save(tmp_path / "none" / "pass.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileExistsError, match="not a regular file"):
        explanation.save(tmp_path / "folder")
    path = tmp_path / "pass.html"
    path.write_text("before")
    explanation.save(path)
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "pass.html"]


# --- the command


def test_digits(tmp_path, capsys):
    page = tmp_path / "pass.html"
    asked = ["explain", "digits", "--example", "3", "--entry", "2,1,4", "--html", str(page)]
    assert main(asked) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("64-256-10, example 3, cross_entropy")
    assert "dW_2[1, 4] = Σ_n dZ_2[n, 1] A_1[n, 4]" in out
    assert out.endswith(f"wrote {page}\n")
    parsed(page.read_text(encoding="utf-8"))


def test_a_model_of_a_table(fruit, tmp_path, capsys):
    page = tmp_path / "pass.html"
    assert main(["explain", str(fruit), str(FRUIT), "--examples", "20", "--html", str(page)]) == 0
    assert "20 examples, cross_entropy" in capsys.readouterr().out
    cells = [cell.text for cell in parsed(page.read_text(encoding="utf-8")).findall(".//td")]
    schema = read_schema(fruit)
    assert {"weight, g", "colour = red", *schema.target.classes} <= set(cells)


def test_hostile_classes_and_columns_of_a_table(tmp_path, capsys):
    rows = [[HOSTILE, "colour", "kind"]]
    rows += [[i, "<b>red" if i % 3 else "blue", HOSTILE if i % 2 else "x"] for i in range(40)]
    data, model = write(tmp_path / "t.csv", rows), tmp_path / "t.safetensors"
    command = ["train", str(data), "--target", "kind", "--epochs", "2", "--hidden", "4"]
    assert main([*command, "--out", str(model)]) == 0
    page = tmp_path / "pass.html"
    assert main(["explain", str(model), str(data), "--html", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert_harmless(text)
    cells = [cell.text for cell in parsed(text).findall(".//td")]
    assert cells.count(HOSTILE) == 2  # a column and a class
    assert "colour = <b>red" in cells


def test_rows_without_a_target_are_left_out(fruit, tmp_path, capsys):
    rows = rows_of(FRUIT)
    rows[3][-1] = ""
    assert main(["explain", str(fruit), str(write(tmp_path / "t.csv", rows))]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 of 36 rows have no 'fruit' (first line 4) and are left out\n")
    assert ", 35 examples, " in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.safetensors", "digits"], "no model file"),
        (["{model}"], "name a file"),
        (["{model}", "none.csv"], "none.csv"),
        (["digits", "--example", "5000"], "0 … 1437"),
        (["digits", "--entry", "2,10,0"], "row must lie in 0 … 9"),
        (["digits", "--entry", "2"], "an entry is L,I,J"),
        (["digits", "--examples", "0"], "--examples must be a positive integer"),
        (["digits", "--html", "none/pass.html"], "--html none"),
        (["{model}", "{data}", "--html", "{model}"], "is the input file"),
        (["{model}", "{targetless}"], "no column 'fruit'"),
    ],
)
def test_bad_input_is_one_line(fruit, tmp_path, capsys, arguments, said):
    less = write(tmp_path / "t.csv", [row[:-1] for row in rows_of(FRUIT)])
    names = {"model": fruit, "data": FRUIT, "targetless": less}
    before = fruit.read_bytes()
    assert said in fails(capsys, ["explain", *(a.format(**names) for a in arguments)])
    assert fruit.read_bytes() == before
