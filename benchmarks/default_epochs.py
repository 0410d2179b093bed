"""The default length of a fit: test scores on small and large data, under several rules.

    python -m benchmarks.default_epochs [--seeds 3] [--out FILE]

Every data set is split by `train_test_split`, a quarter for the test, and fitted once for 1,000
epochs or 5,000 steps, at least 30 epochs, with the test score after each epoch (accuracy, or R²).
For each rule this gives the epochs that it takes and the score there. The table also has the scores
of scikit-learn's MLPClassifier and MLPRegressor with defaults (at most 200 epochs), with the same
layers, on up to 10,000 rows. All figures are means over the seeds. A second table has the accuracy
by the scale of X.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor

import xpnet
from benchmarks.common import machine, write
from xpnet.training import length

PEER_ROWS = 10_000
OUT = Path(__file__).parent / "results" / "default_epochs.json"

Array = np.ndarray[Any, Any]


class Case(NamedTuple):
    """A data set; ``seeds`` limits how often it is split."""

    name: str
    X: Array
    Y: Array
    standardise: bool
    seeds: int = 9


class Fit(NamedTuple):
    """A long fit: each epoch's loss and test score, and scikit-learn's score or None."""

    per_epoch: int
    loss: list[float]
    score: list[float]
    peer: float | None


Rule = Callable[[Fit], int]


def cases() -> list[Case]:
    """Return data sets: small and large, raw and standardised, classes and numbers."""
    wine, iris, cancer, digits = (
        load(return_X_y=True)
        for load in (
            datasets.load_wine,
            datasets.load_iris,
            datasets.load_breast_cancer,
            datasets.load_digits,
        )
    )
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    of_sd = (y - y.mean()) / y.std()
    found = [
        Case(f"{name}, {'standardised' if scaled else 'raw'}", data[0], data[1], scaled)
        for name, data in (("wine", wine), ("iris", iris), ("breast cancer", cancer))
        for scaled in (True, False)
    ]
    found += [
        Case("digits / 16", digits[0] / 16, digits[1], False),
        Case("digits, 0 to 16", digits[0], digits[1], False),
        Case("digits, 0 to 255", digits[0] * 255 / 16, digits[1], False),
        Case("diabetes, X and y standardised", X, of_sd, True),
        Case("diabetes, X standardised", X, y, True),
        Case("diabetes, y standardised", X, of_sd, False),
    ]
    for n, seeds in ((1_000, 9), (20_000, 1)):
        data = datasets.make_friedman1(n, noise=1.0, random_state=0)
        found.append(Case(f"make_friedman1, {n:,}", data[0], data[1], True, seeds))
    for n, seeds in ((60, 9), (500, 9), (5_000, 3), (20_000, 1), (80_000, 1)):
        data = _made(n)
        found.append(Case(f"make_classification, {n:,}", data[0], data[1], True, seeds))
    return found


def _made(n: int) -> tuple[Array, Array]:
    made: tuple[Array, Array] = datasets.make_classification(
        n,
        30,
        n_informative=12,
        n_redundant=4,
        n_classes=4,
        n_clusters_per_class=3,
        flip_y=0.05,
        random_state=1,
    )
    return made


def split(case: Case, seed: int) -> tuple[Array, Array, Array, Array]:
    """Return X and Y for training, and X and Y for the test."""
    classes = case.Y.dtype.kind == "i"
    train, test = train_test_split(
        np.arange(len(case.Y)),
        test_size=0.25,
        random_state=seed,
        stratify=case.Y if classes else None,
    )
    X = case.X
    if case.standardise:
        X = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
    return X[train], case.Y[train], X[test], case.Y[test]


def fit(case: Case, seed: int) -> Fit:
    """Train far beyond every rule, and train scikit-learn's network too."""
    X, Y, X_test, Y_test = split(case, seed)
    classes = Y.dtype.kind == "i"
    per_epoch = -(-len(X) // 128)
    epochs = max(30, min(1_000, -(-5_000 // per_epoch)))
    history = xpnet.Network(rng=seed).fit(
        X,
        Y,
        epochs=epochs,
        validation_data=(X_test, Y_test),
        metrics="accuracy" if classes else "r2",
        progress=False,
    )
    (score,) = history.metrics.values()
    return Fit(per_epoch, history.loss, score, _of_sklearn(X, Y, X_test, Y_test, seed))


def _of_sklearn(X: Array, Y: Array, X_test: Array, Y_test: Array, seed: int) -> float | None:
    """Return the score of its defaults; None for many rows, which take minutes."""
    if len(X) > PEER_ROWS:
        return None
    kind = MLPClassifier if Y.dtype.kind == "i" else MLPRegressor
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns that it has not converged
        return float(kind(random_state=seed).fit(X, Y).score(X_test, Y_test))


# --- rules: epochs of a fit


def steps(n: int, most: int) -> Rule:
    """Return the epochs of n steps, limited to 10 … ``most``."""
    return lambda fit: min(max(10, min(most, -(-n // fit.per_epoch))), len(fit.loss))


def tolerance(rule: Rule, tol: float = 1e-4, patience: int = 10) -> Rule:
    """scikit-learn's rule: stop if over ``patience`` epochs in a row bring no fall of ``tol``."""

    def epochs(fit: Fit) -> int:
        best, since, n = np.inf, 0, rule(fit)
        for done, loss in enumerate(fit.loss[:n], 1):
            since = since + 1 if loss > best - tol else 0
            best = min(best, loss)
            if since > patience:
                return done
        return n

    return epochs


def chosen(fit: Fit) -> int:
    """xpnet's rule, `xpnet.training.length`."""
    n = length.default_epochs(fit.per_epoch)
    return next((k for k in range(1, n) if length.stands_still(fit.loss[:k], n)), n)


RULES: dict[str, Rule] = {
    "10 epochs (before)": steps(0, 10),
    **{f"{n:,} steps, ≤ {most:,}": steps(n, most) for n in (1_000, 2_000) for most in (200, 500)},
    **{f"5,000 steps, ≤ {most:,}": steps(5_000, most) for most in (200, 500, 1_000)},
    "5,000 steps, ≤ 500, tol 1e-4": tolerance(steps(5_000, 500)),
    "chosen": chosen,
}


def rules_table(seeds: int) -> list[dict[str, Any]]:
    """Return one row per data set."""
    rows = []
    for case in cases():
        fits = [fit(case, seed) for seed in range(min(seeds, case.seeds))]
        row: dict[str, Any] = {"data": case.name, "examples": round(len(case.Y) * 0.75)}
        peers = [each.peer for each in fits if each.peer is not None]
        row["scikit-learn"] = round(fmean(peers), 3) if peers else None
        for name, rule in RULES.items():
            found = [rule(each) for each in fits]
            scores = [each.score[n - 1] for each, n in zip(fits, found, strict=True)]
            row[name] = {"epochs": round(fmean(found)), "score": round(fmean(scores), 3)}
        rows.append(row)
        print(case.name, row["scikit-learn"], *(row[name]["score"] for name in RULES), flush=True)
    return rows


# --- the scale of X

FACTORS = (0.001, 0.01, 0.1, 1.0, 10.0, 30.0, 100.0, 1000.0)
CHANGES: dict[str, Callable[[Array, float], Array]] = {
    "all columns times": lambda X, c: X * c,
    "one column times": lambda X, c: np.hstack([X[:, :1] * c, X[:, 1:]]),
    "all columns plus": lambda X, c: X + c,
    "one column plus": lambda X, c: np.hstack([X[:, :1] + c, X[:, 1:]]),
}


def scale_table(seeds: int) -> list[dict[str, Any]]:
    """Return the accuracy of default fits if standardised columns are scaled or shifted."""
    made = datasets.make_classification(600, 12, n_informative=6, n_classes=3, random_state=2)
    rows = []
    for name, (X, Y) in (("wine", datasets.load_wine(return_X_y=True)), ("made", made)):
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        for change, of in CHANGES.items():
            row: dict[str, Any] = {"data": name, "change": change}
            for c in FACTORS:
                case = Case(name, of(X, c), Y, standardise=False)
                row[f"{c:g}"] = round(fmean(_accuracy(case, seed) for seed in range(seeds)), 3)
            rows.append(row)
            print(*row.values(), flush=True)
    return rows


def _accuracy(case: Case, seed: int) -> float:
    X, Y, X_test, Y_test = split(case, seed)
    net = xpnet.Network(rng=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the hint, whose limits this measures
        net.fit(X, Y, progress=False)
    return net.evaluate(X_test, Y_test)["accuracy"]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "seeds": options.seeds}
    for name, table in (("rules", rules_table), ("scale", scale_table)):
        found[name] = table(options.seeds)
        write(options.out, found)


if __name__ == "__main__":
    main()
