"""Labels and inputs of many kinds are accepted, or an error says what is wrong and where."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed
from xpnet.backends import to_numpy

TEXT = ["b", "a", "c", "a", "b", "c"]
X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
CODES = np.arange(6) % 3

TAKEN = {
    "StringDType": lambda: np.asarray(TEXT, np.dtypes.StringDType()),
    "bytes": lambda: np.asarray(TEXT, "S"),
    "object": lambda: np.asarray(TEXT, object),
    "a read table's column": lambda: np.asarray(TEXT, np.dtypes.StringDType(na_object=None)),
    "pandas category": lambda: _pandas().Series(TEXT, dtype="category"),
    "pandas Categorical": lambda: _pandas().Categorical(TEXT),
    "pandas string": lambda: _pandas().Series(TEXT, dtype="string"),
    "pandas arrow": lambda: _pandas().Series(TEXT, dtype="string[pyarrow]"),
    "pandas index": lambda: _pandas().Index(TEXT),
    "polars": lambda: _polars().Series(TEXT),
    "polars Categorical": lambda: _polars().Series(TEXT, dtype=_polars().Categorical),
    "polars Enum": lambda: _polars().Series(TEXT, dtype=_polars().Enum(["c", "b", "a"])),
    "pyarrow": lambda: _arrow().array(TEXT),
    "pyarrow chunks": lambda: _arrow().chunked_array([TEXT[:2], TEXT[2:]]),
    "pyarrow dictionary": lambda: _arrow().array(TEXT).dictionary_encode(),
}

MISSING = {
    "None": lambda: [*TEXT[:3], None, *TEXT[4:]],
    "NaN among text": lambda: [*TEXT[:3], float("nan"), *TEXT[4:]],
    "StringDType": lambda: np.asarray(
        [*TEXT[:3], None, *TEXT[4:]], np.dtypes.StringDType(na_object=None)
    ),
    "object NaN": lambda: np.asarray([*TEXT[:3], float("nan"), *TEXT[4:]], object),
    "None among integers": lambda: [0, 1, 2, None, 1, 2],
    "pandas NA": lambda: _pandas().Series([*TEXT[:3], None, *TEXT[4:]], dtype="string"),
    "pandas category": lambda: _pandas().Series([*TEXT[:3], None, *TEXT[4:]], dtype="category"),
    "pandas object NaT": lambda: _pandas().Series([*TEXT[:3], _pandas().NaT, *TEXT[4:]]),
    "pandas Int64": lambda: _pandas().Series([0, 1, 2, None, 1, 2], dtype="Int64"),
    "pandas boolean": lambda: _pandas().Series([True, False, True, None] * 2, dtype="boolean")[:6],
    "pandas arrow": lambda: _pandas().Series([0, 1, 2, None, 1, 2], dtype="int64[pyarrow]"),
    "polars text": lambda: _polars().Series([*TEXT[:3], None, *TEXT[4:]]),
    "polars integers": lambda: _polars().Series([0, 1, 2, None, 1, 2]),
    "pyarrow": lambda: _arrow().array([*TEXT[:3], None, *TEXT[4:]]),
}  # fmt: skip


def _pandas():
    return needed("pandas")


def _polars():
    return needed("polars")


def _arrow():
    return needed("pyarrow")


@pytest.mark.parametrize("kind", TAKEN)
def test_labels_as_text_of_every_kind_train_as_a_list_does(kind):
    nets = [xpnet.Network(hidden=(4,), rng=1) for _ in range(2)]
    for net, Y in zip(nets, (TEXT, TAKEN[kind]()), strict=True):
        net.fit(X, Y, epochs=2)
    assert nets[1].classes == ("a", "b", "c")
    np.testing.assert_array_equal(nets[1].parameters, nets[0].parameters)
    assert nets[1].evaluate(X, TAKEN[kind]()) == nets[0].evaluate(X, TEXT)


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", "UInt8", "boolean", "Sparse[int]"])
def test_pandas_own_integers_are_labels(dtype):
    pandas = _pandas()
    needed("pyarrow")
    labels = [1, 0, 1, 1, 0, 0]
    nets = [xpnet.Network(hidden=(4,), rng=1) for _ in range(2)]
    nets[0].fit(X, labels, epochs=1)
    nets[1].fit(X, pandas.Series(labels).astype(dtype), epochs=1)
    np.testing.assert_array_equal(nets[1].parameters, nets[0].parameters)


@pytest.mark.parametrize("kind", MISSING)
@pytest.mark.parametrize("trained", [False, True])
def test_a_missing_label_is_told_by_its_row(kind, trained):
    net = xpnet.Network(hidden=(4,), rng=1)
    if trained:
        net.fit(
            X, TEXT if isinstance(next(iter(MISSING[kind]())), str) else [0, 1, 2] * 2, epochs=1
        )
    calls = (net.fit, net.evaluate, net.gradient) if trained else (net.fit,)
    for call in calls:
        with pytest.raises(ValueError, match="Y has a missing label, the first in row 3"):
            call(X, MISSING[kind]())
    assert net.epoch == int(trained)
    assert trained or net.classes is None


def test_missing_labels_as_numbers_are_told_by_their_row():
    net = xpnet.Network([3, 4, 3], loss="cross_entropy")
    with pytest.raises(ValueError, match="Y has a missing label, the first in row 3"):
        net.fit(X, [0.0, 1.0, 2.0, np.nan, 1.0, 2.0])


def test_missing_numbers_are_told_by_row_and_column(backend):
    net = xpnet.Network([3, 4, 2], loss="squared_error", backend=backend)
    bad = X.copy()
    bad[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"X has NaN .*, the first in row 2, column 1: remove"):
        net.fit(bad, np.ones((6, 2)))
    with pytest.raises(ValueError, match=r"Y has NaN .*, the first in row 2, column 1: remove"):
        net.fit(X, bad[:, :2])
    rows = bad.astype(object)
    rows[2, 1] = None
    for call in (net, net.predict, lambda X: net.fit(X, np.ones((6, 2)))):
        with pytest.raises(ValueError, match="X has a missing value, the first in row 2, column 1"):
            call(rows.tolist())
    with pytest.raises(ValueError, match=r"sample_weight .* got nan in row 4"):
        net.gradient(X, np.ones((6, 2)), [1, 1, 1, 1, np.nan, 1])
    with pytest.raises(ValueError, match="sample_weight has a missing value, the first in row 4"):
        net.gradient(X, np.ones((6, 2)), [1, 1, 1, 1, None, 1])


@pytest.mark.parametrize("missing", ["NA", "NaT", "None"])
def test_a_missing_cell_of_a_data_frame_is_told_by_row_and_column(missing):
    pandas = _pandas()
    cell = {"NA": pandas.NA, "NaT": pandas.NaT, "None": None}[missing]
    frame = pandas.DataFrame({"a": np.ones(6), "b": [1, 2, cell, 4, 5, 6]}, dtype=object)
    net = xpnet.Network([2, 3, 1], loss="squared_error")
    for call in (net, lambda X: net.fit(X, np.ones(6))):
        with pytest.raises(ValueError, match="X has a missing value, the first in row 2, column 1"):
            call(frame)


def test_text_and_numbers_do_not_mix_without_a_word():
    """NumPy would turn the numbers into text, hence into separate classes."""
    with pytest.raises(TypeError, match="Y mixes text and other kinds: label 1 is 1"):
        xpnet.Network(hidden=(4,)).fit(X, ["a", 1, "b", 2, "a", 1])


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ({1.0, 2.0}, "a set is not an array"),
        ((x for x in X), "a generator is not an array"),
        ({"a": 1}, "a dict is not an array"),
        (
            np.zeros(6, [("a", "f4"), ("b", "f4")]),
            "got dtype void64: give numpy.lib.recfunctions.structured",
        ),
        (
            np.rec.array(np.zeros(6, [("a", "f4")])),
            "got dtype record32: give numpy.lib.recfunctions.structured",
        ),
        (X.astype("datetime64[s]"), "got dtype datetime64.*: give numbers"),
        (X + 1j, "got dtype complex64.*real and imaginary"),
        (X.astype("S"), "got dtype bytes"),
        (np.ma.masked_less(X, 0), "X has masked entries"),
    ],
)
def test_what_is_no_array_of_numbers_is_told_with_what_to_write(kind, found):
    net = xpnet.Network([3, 4, 2], loss="squared_error")
    for call in (net, net.predict, lambda X: net.gradient(X, np.ones((6, 2)))):
        with pytest.raises((TypeError, ValueError), match=found):
            call(kind)


def test_what_pandas_has_beside_numbers_is_no_number():
    pandas = _pandas()
    net = xpnet.Network([1, 2], loss="squared_error")
    for column in (
        pandas.Series(pandas.interval_range(0, 6)),
        pandas.Series(pandas.period_range("2020", periods=6)),
        pandas.Series(pandas.date_range("2020", periods=6)),
    ):
        with pytest.raises(TypeError, match="Y must hold real numbers, got dtype"):
            net.fit(X[:, :1], column)


def test_read_only_and_strided_arrays_are_data(backend):
    net = xpnet.Network([3, 4, 2], loss="squared_error", backend=backend)
    expected = to_numpy(net(X))
    fixed = X.copy()
    fixed.flags.writeable = False
    wide = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2]
    for same in (fixed, wide, np.asfortranarray(X), X.astype(">f4")):
        np.testing.assert_array_equal(to_numpy(net(same)), expected)
        net.to().fit(same, np.ones((6, 2)), epochs=1)


def test_sparse_arrays_are_refused_with_a_remedy():
    sparse = needed("scipy.sparse")
    net = xpnet.Network([3, 4, 3], loss="cross_entropy")
    for use in (net.fit, net.evaluate):
        with pytest.raises(TypeError, match=r"sparse arrays are not supported.*toarray"):
            use(sparse.csr_array(X), CODES)
    with pytest.raises(TypeError, match="got csr_matrix"):
        xpnet.asarray(sparse.csr_matrix(X), "numpy")


def test_masked_entries_are_refused_and_masks_of_nothing_taken():
    net = xpnet.Network([3, 4, 3], loss="cross_entropy")
    hidden = np.ma.masked_array(X, mask=np.median(X) < X)
    with pytest.raises(ValueError, match="X has masked entries"):
        net(hidden)
    with pytest.raises(ValueError, match="Y has masked entries"):
        net.fit(X, np.ma.masked_array(CODES, mask=CODES == 1))
    np.testing.assert_array_equal(net(np.ma.masked_array(X)), net(X))


# --- classes


def test_classes_that_are_named_are_kept_in_order(backend, tmp_path):
    net = xpnet.Network(hidden=(4,), classes=("z", "a", "m"), backend=backend, rng=1)
    net.fit(X, ["a", "z", "a", "z", "a", "z"], epochs=2, class_weight={"z": 2.0, "m": 5.0})
    assert net.classes == ("z", "a", "m")
    assert net.sizes[-1] == 3
    same = xpnet.Network([3, 4, 3], loss="cross_entropy", backend=backend, rng=1)
    same.fit(X, [1, 0, 1, 0, 1, 0], epochs=2, class_weight={0: 2.0, 2: 5.0})
    np.testing.assert_array_equal(to_numpy(net.parameters), to_numpy(same.parameters))
    names = np.asarray(["z", "a", "m"])[same.predict_classes(X)]
    np.testing.assert_array_equal(net.predict_classes(X), names)
    net.save(tmp_path / "net.safetensors")
    assert xpnet.load(tmp_path / "net.safetensors", backend).classes == ("z", "a", "m")
    assert "classes z, a, m" in net.summary()
    with pytest.raises(ValueError, match=r"unknown class 'q'.*xpnet.Network\(classes="):
        net.fit(X, ["a", "q"] * 3)


def test_labels_that_lack_a_class_are_told_to_name_them():
    net = xpnet.Network([3, 4, 3], loss="cross_entropy")
    with pytest.raises(ValueError, match=r"name all 3 of them in order, xpnet.Network\(classes="):
        net.fit(X, ["a", "b"] * 3)
    assert net.classes is None
    two = xpnet.Network([3, 4, 1], loss="binary_cross_entropy", classes=["no", "yes"])
    two.fit(X, ["yes"] * 6, epochs=1)
    assert set(two.predict_classes(X)) <= {"no", "yes"}


@pytest.mark.parametrize(
    ("classes", "error", "match"),
    [
        ("abc", TypeError, "classes must be the names"),
        ({"a", "b"}, TypeError, "classes must be the names"),
        ({"a": 0, "b": 1}, TypeError, "classes must be the names"),
        (3, TypeError, "classes must be the names"),
        ((0, 1, 2), TypeError, "labels that are integers need no names"),
        (("a", None), TypeError, r"classes\[1\] must be text, got None"),
        (("a",), ValueError, "two or more different names, got 1"),
        ((), ValueError, "two or more different names, got 0"),
        (("a", "b", "a"), ValueError, "two or more different names, got 'a' more than once"),
    ],
)
def test_classes_are_different_names_in_order(classes, error, match):
    with pytest.raises(error, match=match):
        xpnet.Network(hidden=(4,), classes=classes)


def test_classes_go_with_the_sizes_and_the_loss():
    with pytest.raises(ValueError, match=r"there are 2 classes .*, but the output has 3 units"):
        xpnet.Network([3, 4, 3], loss="cross_entropy", classes=("a", "b"))
    for loss in ("squared_error", xpnet.losses.MultiCrossEntropy((2, 2))):
        with pytest.raises(ValueError, match="does not take one label for each example"):
            xpnet.Network(hidden=(4,), loss=loss, classes=("a", "b"))
    net = xpnet.Network(hidden=(4,), classes=("a", "b"))
    with pytest.raises(
        ValueError, match="'mean_squared_error' does not take one label for each example"
    ):
        net.fit(X, np.linspace(0, 1, 6))
    assert net.classes == ("a", "b")
