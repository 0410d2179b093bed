"""The values that displays draw, read back from their artists, are correct on every backend."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, widths_for
from tests.support.processes import python
from xpnet import plots
from xpnet.losses import LOSSES, Masked, MultiCrossEntropy

mpl = needed("matplotlib")
mpl.use("agg")
from matplotlib import pyplot as plt  # noqa: E402

HOSTILE = ("$x^2", "$y^$", "_hidden", "<script>&", "a\nb\x00c")  # the second is a bad formula


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def drawn(display):
    """Draw the display completely, so that bad text raises; return it."""
    display.figure_.canvas.draw()
    return display


def three_classes(N=60, names=None):
    """Return points around three corners, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 3
    X = np.asarray([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])[labels] + rng.normal(0, 0.7, (N, 2))
    return X, labels if names is None else np.asarray(names)[labels]


def classifier(backend, Y, X, n=3, **options):
    net = xpnet.Network([2, 8, n], backend=backend, dtype="float64", rng=1, **options)
    net.fit(X, Y, epochs=20, batch_size=16, learning_rate=0.02)
    return net


# --- the loss curve


def history(n=5, **more):
    return xpnet.History(
        epoch=list(range(1, n + 1)),
        loss=[1.0 / k for k in range(1, n + 1)],
        validation_loss=[1.5 / k for k in range(1, n + 1)],
        metrics={"validation_accuracy": [0.5 + 0.05 * k for k in range(n)]},
        **more,
    )


def test_the_loss_curves_are_the_historys():
    record = history()
    display = drawn(record.plot())
    for line, values in zip(display.lines_, (record.loss, record.validation_loss), strict=True):
        assert line.get_xdata().tolist() == record.epoch
        assert line.get_ydata().tolist() == values
    assert [text.get_text() for text in display.legend_.get_texts()] == ["loss", "validation loss"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "loss")


def test_it_draws_on_the_axes_that_are_given_and_says_where():
    figure, (left, right) = plt.subplots(1, 2)
    display = history().plot(right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.lines


def test_metrics_are_drawn_by_name_and_the_best_epoch_is_marked():
    record = history(best_epoch=4)
    display = plots.LossCurveDisplay.from_history(record, "validation_accuracy").plot()
    assert display.lines_[0].get_ydata().tolist() == record.validation_accuracy
    assert display.legend_.get_texts()[1].get_text() == "best epoch, 4"
    assert display.ax_.get_ylabel() == "validation accuracy"


@pytest.mark.parametrize(("n", "scale"), [(3, "linear"), (30, "log")])
def test_a_loss_that_falls_tenfold_has_a_logarithmic_axis(n, scale):
    assert drawn(history(n).plot()).ax_.get_yscale() == scale


def test_a_history_without_epochs_or_without_that_value():
    with pytest.raises(ValueError, match="no epochs yet"):
        xpnet.History().plot()
    with pytest.raises(ValueError, match="did you mean 'validation_loss'"):
        plots.LossCurveDisplay.from_history(history(), ["validation_los"])


# --- confusion


@pytest.mark.parametrize("names", [None, ["pear", "apple", "fig"]])
def test_a_confusion_counts_what_the_network_predicts(backend, names):
    X, Y = three_classes(names=names)
    net = classifier(backend, Y, X)
    display = drawn(plots.ConfusionDisplay.from_network(net, X, Y).plot())
    found = net.predict_classes(X)
    classes = sorted(set(Y.tolist()))
    expected = [[int(np.sum((a == Y) & (found == b))) for b in classes] for a in classes]
    assert display.counts.tolist() == expected
    assert [[int(text.get_text()) for text in row] for row in display.texts_] == expected
    shares = np.asarray(expected) / np.sum(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(display.image_.get_array(), shares)
    assert display.accuracy == pytest.approx(net.evaluate(X, Y)["accuracy"])
    ticks = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert ticks == list(map(str, classes))
    assert ticks == [text.get_text() for text in display.ax_.get_yticklabels()]


def test_a_row_is_the_true_class_and_the_axes_say_so():
    display = drawn(plots.ConfusionDisplay.from_predictions([0, 0, 1, 5], [0, 1, 1, 1]).plot())
    assert display.counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert display.class_names == ("0", "1", "5")
    assert display.recall.tolist() == [0.5, 1.0, 0.0]
    np.testing.assert_array_equal(display.precision, [1.0, 1 / 3, np.nan])
    assert display.ax_.get_xlabel() == "predicted class"
    assert display.ax_.get_ylabel() == "true class"


def test_one_sigmoid_is_two_classes(backend):
    X, Y = three_classes()
    Y = (Y > 0).astype(int)
    for loss, options in (
        ("binary_cross_entropy", {}),
        ("binary_cross_entropy", {"output": "identity"}),
    ):
        net = classifier(backend, Y, X, 1, loss=loss, **options)
        found = net.predict_classes(X)
        counts = plots.ConfusionDisplay.from_network(net, X, Y, class_names=["no", "yes"]).counts
        assert counts.tolist() == [
            [int(np.sum((a == Y) & (found == b))) for b in (0, 1)] for a in (0, 1)
        ]


def test_rows_that_sum_to_one_are_their_largest(backend):
    X, labels = three_classes()
    net = classifier(backend, labels, X, output="identity")
    rows = 0.1 + 0.7 * np.eye(3)[labels]
    a, b = (plots.ConfusionDisplay.from_network(net, X, Y).counts for Y in (labels, rows))
    np.testing.assert_array_equal(a, b)


def test_missing_labels_are_left_out():
    X, labels = three_classes()
    Y = (labels > 0).astype(float)[:, None]
    Y[::4] = np.nan
    net = xpnet.Network([2, 4, 1], loss=Masked(LOSSES["binary_cross_entropy"]))
    assert plots.ConfusionDisplay.from_network(net, X, Y).counts.sum() == 45


def test_many_classes_have_no_printed_counts():
    display = drawn(plots.ConfusionDisplay.from_predictions(range(40), range(40)).plot())
    assert display.texts_ is None
    assert display.counts.shape == (40, 40)
    wide = drawn(plots.ConfusionDisplay.from_predictions(range(300), range(300)).plot())
    ticks = [text.get_text() for text in wide.ax_.get_yticklabels()]
    assert ticks == [f"{k}" for k in wide.ax_.get_yticks()]
    assert len(ticks) <= 40


@pytest.mark.parametrize(
    ("Y", "predicted", "said"),
    [
        ([0, 1], [0], "Y has 2 labels, but predicted has 1"),
        (["a"], [0], "both be text, or both be integers"),
        ([0.5], [0], "Y must be labels .N,., integers or text"),
        ([[0]], [0], "Y must be labels"),
        ([], [], "Y must be labels"),
    ],
)
def test_predictions_that_are_no_labels(Y, predicted, said):
    with pytest.raises(ValueError, match=said):
        plots.ConfusionDisplay.from_predictions(Y, predicted)


def test_what_is_no_single_classification_is_refused():
    X = np.ones((4, 2))
    several = xpnet.Network([2, 3], loss="binary_cross_entropy")
    heads = xpnet.Network([2, 5], loss=MultiCrossEntropy([2, 3]))
    numbers = xpnet.Network([2, 1], loss="huber")
    for net, Y, said in (
        (several, np.ones((4, 3)), "predicts no single class"),
        (heads, np.ones((4, 2), int), "has several heads"),
        (numbers, np.ones(4), "predicts no single class"),
    ):
        for display in (plots.ConfusionDisplay, plots.CalibrationDisplay):
            with pytest.raises(ValueError, match=said):
                display.from_network(net, X, Y)
    net = xpnet.Network([2, 3], loss="cross_entropy")
    with pytest.raises(
        ValueError, match="class_names must have 3 names, one for each class, got 2"
    ):
        plots.ConfusionDisplay.from_network(net, X, [0, 1, 2, 0], class_names="ab")


# --- calibration


def test_calibration_is_the_share_that_came_true_in_each_bin(backend):
    X, Y = three_classes(names=["pear", "apple", "fig"])
    net = classifier(backend, Y, X)
    display = drawn(plots.CalibrationDisplay.from_network(net, X, Y, bins=5).plot())
    P = xpnet.to_numpy(net(X))
    right, p = net.predict_classes(X) == Y, P.max(axis=1)
    bins = [(p >= i / 5) & ((p < (i + 1) / 5) | (i == 4)) for i in range(5)]
    points = [(p[b].mean(), right[b].mean()) for b in bins if b.any()]
    np.testing.assert_allclose(display.line_.get_xydata(), points)
    np.testing.assert_allclose(display.points_.get_offsets(), points)
    assert display.counts.tolist() == [int(b.sum()) for b in bins if b.any()]
    gaps = [abs(right[b].mean() - p[b].mean()) * b.mean() for b in bins if b.any()]
    assert display.error == pytest.approx(sum(gaps))
    assert f"{display.error:.4f}" in display.ax_.get_title()
    areas = display.points_.get_sizes()
    assert np.argmax(areas) == np.argmax(display.counts)


def test_calibration_of_one_class_by_name_or_number():
    X, Y = three_classes(names=["pear", "apple", "fig"])
    net = classifier("numpy", Y, X)
    of_fig = plots.CalibrationDisplay.from_network(net, X, Y, of="fig", bins=1).plot()
    assert of_fig.frequency == pytest.approx(1 / 3)
    assert of_fig.probability == pytest.approx(net(X)[:, 1].mean())  # apple, fig, pear
    assert of_fig.ax_.get_xlabel() == "probability of class fig"
    with pytest.raises(ValueError, match="one of the classes apple, fig, pear, got 'plum'"):
        plots.CalibrationDisplay.from_network(net, X, Y, of="plum")


def test_calibration_of_two_classes_is_of_the_second():
    X, Y = three_classes()
    Y = (Y > 0).astype(int)
    one = classifier("numpy", Y, X, 1, loss="binary_cross_entropy")
    display = plots.CalibrationDisplay.from_network(one, X, Y, bins=1)
    assert display.frequency == pytest.approx(2 / 3)
    assert display.probability == pytest.approx(one(X).mean())


@pytest.mark.parametrize(("n", "loss"), [(3, "cross_entropy"), (1, "binary_cross_entropy")])
def test_of_logits_the_probabilities_are_taken(n, loss):
    X, Y = three_classes()
    Y = Y if n == 3 else (Y > 0).astype(int)
    displays = []
    for output in (None, "identity"):
        net = xpnet.Network([2, 8, n], loss=loss, output=output, initializer="lecun_normal", rng=1)
        displays.append(plots.CalibrationDisplay.from_network(net, X, Y))
    np.testing.assert_allclose(displays[0].probability, displays[1].probability, rtol=1e-5)
    np.testing.assert_array_equal(displays[0].frequency, displays[1].frequency)


def test_what_is_no_probability():
    make = plots.CalibrationDisplay.from_predictions
    for happened, p in (([0.5], [0.5]), ([1], [1.5]), ([1], [np.nan])):
        with pytest.raises(ValueError, match=r"within \[0, 1\]"):
            make(happened, p)
    with pytest.raises(ValueError, match=r"must be \(N,\), got \(2,\) and \(1,\)"):
        make([0, 1], [0.5])
    with pytest.raises(ValueError, match="bins must be a positive integer, got 0"):
        make([1], [0.5], bins=0)


# --- predicted against actual


def test_points_are_targets_and_predictions(backend):
    X, _ = three_classes()
    Y = np.stack([X[:, 0] + X[:, 1], X[:, 0]], axis=1)
    net = xpnet.Network([2, 8, 2], loss="mean_squared_error", backend=backend, dtype="float64")
    net.fit(X, Y, epochs=30, batch_size=16, learning_rate=0.02)
    display = drawn(plots.PredictionErrorDisplay.from_network(net, X, Y).plot())
    A = xpnet.to_numpy(net(X))
    for k, points in enumerate(display.points_):
        np.testing.assert_allclose(points.get_offsets(), np.stack([Y[:, k], A[:, k]], axis=1))
    assert display.r2 == pytest.approx(net.evaluate(X, Y, metrics="r2")["r2"])
    assert f"R² {display.r2:.4f}" in display.ax_.get_title()
    line = display.diagonal_.get_xydata()
    np.testing.assert_array_equal(line[:, 0], line[:, 1])


def test_of_a_gaussian_the_mean_is_predicted_and_missing_targets_are_no_points():
    X, _ = three_classes()
    net = xpnet.Network(widths_for("gaussian_nll", [2, 4, 1]), loss="gaussian_nll")
    display = plots.PredictionErrorDisplay.from_network(net, X, X[:, 0])
    np.testing.assert_allclose(display.predicted[:, 0], net(X)[:, 0])
    net = xpnet.Network([2, 1], loss=Masked(LOSSES["mean_squared_error"]))
    Y = X[:, :1].copy()
    Y[:10] = np.nan
    display = drawn(plots.PredictionErrorDisplay.from_network(net, X, Y).plot())
    assert len(display.points_[0].get_offsets().compressed()) == 2 * (len(X) - 10)
    assert np.isfinite(display.r2)


def test_classes_are_no_quantities():
    net = xpnet.Network([2, 3], loss="cross_entropy")
    with pytest.raises(ValueError, match=r"is for classes.*ConfusionDisplay"):
        plots.PredictionErrorDisplay.from_network(net, np.ones((2, 2)), [0, 1])
    with pytest.raises(ValueError, match=r"must both be \(N, K\), got \(2, 1\) and \(3, 1\)"):
        plots.PredictionErrorDisplay.from_predictions([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="target_names must have 1 names, got 2"):
        plots.PredictionErrorDisplay.from_predictions([1, 2], [1, 2], target_names="ab")


@pytest.mark.parametrize("loss", list(LOSSES))
def test_every_loss_has_one_of_the_two(loss):
    rng = np.random.default_rng(0)
    n = 1 if loss == "binary_cross_entropy" else 3
    net = xpnet.Network(widths_for(loss, [2, n]), loss=loss)
    of_classes = loss in ("cross_entropy", "binary_cross_entropy")
    n_targets = net.loss.n_targets(net.sizes[-1])
    Y = rng.integers(0, 2, 9) if of_classes else rng.uniform(0, 1, (9, n_targets))
    kind = plots.ConfusionDisplay if of_classes else plots.PredictionErrorDisplay
    display = kind.from_network(net, rng.normal(size=(9, 2)), Y)
    assert (display.counts.sum() if of_classes else len(display.actual)) == 9


# --- the first layer


def test_the_mosaic_holds_the_weights(backend):
    net = xpnet.Network([12, 5, 2], backend=backend, rng=3)
    display = drawn(plots.FirstLayerDisplay.from_network(net, (3, 4)).plot())
    W = xpnet.to_numpy(net.weights[0]).astype(float)
    norms = np.linalg.norm(W, axis=1)[display.units]
    assert sorted(display.units.tolist()) == [0, 1, 2, 3, 4]
    assert (np.diff(norms) <= 0).all()
    mosaic = np.ma.filled(display.image_.get_array(), np.nan)
    columns = (mosaic.shape[1] - 1) // 5
    for i, unit in enumerate(display.units):
        top, left = (i // columns) * 4 + 1, (i % columns) * 5 + 1
        np.testing.assert_array_equal(mosaic[top : top + 3, left : left + 4], W[unit].reshape(3, 4))
    assert np.isfinite(mosaic).sum() == W.size
    low, high = display.image_.get_clim()
    assert -low == high == np.abs(W).max()


def test_a_square_is_found_and_few_units_are_shown():
    net = xpnet.Network([16, 50, 2])
    display = plots.FirstLayerDisplay.from_network(net, most=4).plot()
    assert display.shape == (4, 4)
    assert len(display.units) == 4
    assert "4 of 50 units" in display.ax_.get_title()


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (
            None,
            r"12 inputs do not make a square image: give shape=\(height, width\) with 12 pixels",
        ),
        ((3, 5), r"shape=\(3, 5\) does not have 12 pixels"),
        ((-3, -4), "does not have 12 pixels"),
    ],
)
def test_inputs_that_fill_no_image(shape, said):
    with pytest.raises(ValueError, match=said):
        plots.FirstLayerDisplay.from_network(xpnet.Network([12, 2]), shape)


# --- decisions


def test_the_plane_is_what_the_network_decides(backend):
    X, Y = three_classes(names=["pear", "apple", "fig"])
    net = classifier(backend, Y, X)
    display = drawn(plots.DecisionBoundaryDisplay.from_network(net, X, Y, resolution=15).plot())
    rng = np.random.default_rng(1)
    for i, j in rng.integers(0, 15, (20, 2)):
        at = np.asarray([[display.x[j], display.y[i]]])
        assert net.classes[display.response[i, j]] == net.predict_classes(at)[0]
    np.testing.assert_array_equal(display.surface_.get_array().reshape(15, 15), display.response)
    for k, points in enumerate(display.points_):
        np.testing.assert_allclose(points.get_offsets(), X[net.classes[k] == Y])
    assert [text.get_text() for text in display.legend_.get_texts()] == ["apple", "fig", "pear"]
    low, high = display.x[[0, -1]]
    assert low < X[:, 0].min() < X[:, 0].max() < high


def test_for_numbers_the_plane_is_the_output():
    X, _ = three_classes()
    net = xpnet.Network([2, 4, 1], loss="huber")
    display = drawn(
        plots.DecisionBoundaryDisplay.from_network(net, X, X[:, 0], resolution=9).plot()
    )
    at = np.asarray([[display.x[7], display.y[2]]])
    assert display.response[2, 7] == pytest.approx(net(at)[0, 0], rel=1e-5)
    np.testing.assert_allclose(display.points_[0].get_array(), X[:, 0])


def test_a_plane_of_one_class_has_no_boundary():
    X, _ = three_classes()
    net = xpnet.Network([2, 2], loss="cross_entropy", initializer="zeros")
    display = drawn(plots.DecisionBoundaryDisplay.from_network(net, X, [0, 1] * 30).plot())
    assert display.boundary_ == []


def test_a_plane_needs_two_inputs():
    net = xpnet.Network([3, 2], loss="cross_entropy")
    with pytest.raises(ValueError, match="two inputs, but the network has 3"):
        plots.DecisionBoundaryDisplay.from_network(net, np.ones((2, 3)), [0, 1])


# --- names, and a machine without matplotlib


def test_names_are_text_and_never_formulas_or_hidden():
    labels = np.repeat(HOSTILE, 3)
    confusion = drawn(plots.ConfusionDisplay.from_predictions(labels, labels).plot())
    ticks = [text.get_text() for text in confusion.ax_.get_xticklabels()]
    assert ticks == ["$x^2", "$y^$", "<script>&", "_hidden", "a b c"]
    X = np.random.default_rng(0).normal(size=(15, 2))
    net = xpnet.Network([2, 5], rng=1)
    net.fit(X, labels, epochs=1)
    names = ("$a$ $", "_b")
    plane = drawn(
        plots.DecisionBoundaryDisplay.from_network(
            net, X, labels, resolution=5, input_names=names
        ).plot()
    )
    assert [text.get_text() for text in plane.legend_.get_texts()] == ticks
    assert (plane.ax_.get_xlabel(), plane.ax_.get_ylabel()) == names
    drawn(plots.CalibrationDisplay.from_network(net, X, labels, of="$x^2").plot())
    error = plots.PredictionErrorDisplay.from_predictions([1, 2], [1, 2], target_names=["$y^$"])
    assert drawn(error.plot()).ax_.get_xlabel() == "actual $y^$"


def test_a_long_name_is_cut():
    long = "x" * 100
    display = plots.ConfusionDisplay.from_predictions([long, "y"], [long, "y"]).plot()
    assert display.ax_.get_xticklabels()[0].get_text() == "x" * 23 + "…"


@pytest.mark.slow
def test_without_matplotlib_the_error_says_what_to_install_and_nothing_changes():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import numpy as np, xpnet\n"
        "from xpnet import plots\n"
        "net = xpnet.Network([2, 2]); h = net.fit(np.eye(2), [0, 1], epochs=1)\n"
        "before = net.parameters.copy()\n"
        "d = plots.ConfusionDisplay.from_network(net, np.eye(2), [0, 1])\n"
        "first = plots.FirstLayerDisplay.from_network(net, (1, 2))\n"
        "for draw in (h.plot, d.plot, first.plot):\n"
        "    try: draw()\n"
        "    except ImportError as e: assert 'pip install \"xpnet[plot]\"' in str(e), e\n"
        "    else: raise SystemExit('no error')\n"
        "assert (net.parameters == before).all() and len(h) == 1\n"
    )
    python("-c", code, check=True)
