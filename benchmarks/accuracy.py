"""Test accuracy on Fashion-MNIST after the same number of epochs: xpnet, torch, scikit-learn.

    python -m benchmarks.accuracy [--epochs 30] [--seeds 3] [--out FILE]

784-256-128-10, batch 128. xpnet and torch: relu, dropout 0.1, AdamW with one cycle of the learning
rate to 3e-3. scikit-learn's MLPClassifier has neither dropout nor that schedule: relu and Adam at
1e-3. A peer that is not installed is listed as absent. The seconds are those of the whole training,
whatever else runs on the machine. To compare speeds, use the other benchmarks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

import xpnet
from benchmarks.common import machine, write
from xpnet.layers import Dropout

OUT = Path(__file__).parent / "results" / "accuracy_fashion_mnist.json"
HIDDEN, BATCH, PEAK, RATE = (256, 128), 128, 3e-3, 0.1

Data = tuple[Any, Any, Any, Any]


def with_xpnet(data: Data, epochs: int, seed: int) -> float:
    """Return the test accuracy of xpnet."""
    X, Y, X_test, Y_test = data
    sizes = [784, *(layer for n in HIDDEN for layer in (n, Dropout(RATE))), 10]
    net = xpnet.Network(sizes, rng=seed)
    optimizer = xpnet.optimizers.AdamW(xpnet.schedules.OneCycle(PEAK))
    net.fit(X, Y, epochs=epochs, batch_size=BATCH, optimizer=optimizer, progress=False)
    return net.evaluate(X_test, Y_test)["accuracy"]


def with_torch(data: Data, epochs: int, seed: int) -> float:
    """Return the test accuracy of torch, with its fused AdamW."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    X, Y, X_test, Y_test = (torch.from_numpy(part) for part in data)
    widths = (784, *HIDDEN)
    hidden = [
        layer
        for m, n in pairwise(widths)
        for layer in (nn.Linear(m, n), nn.ReLU(), nn.Dropout(RATE))
    ]
    net = nn.Sequential(*hidden, nn.Linear(HIDDEN[-1], 10))
    optimizer = torch.optim.AdamW(net.parameters(), lr=PEAK, fused=True)
    per_epoch = -(-len(X) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, epochs * per_epoch)
    loss = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(BATCH):
            optimizer.zero_grad()
            loss(net(X[rows]), Y[rows]).backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        return float((net(X_test).argmax(dim=1) == Y_test).double().mean())


def with_sklearn(data: Data, epochs: int, seed: int) -> float:
    """Return the test accuracy of scikit-learn."""
    import warnings

    from sklearn.neural_network import MLPClassifier

    X, Y, X_test, Y_test = data
    net = MLPClassifier(HIDDEN, batch_size=BATCH, max_iter=epochs, tol=0.0, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns that it has not converged
        net.fit(X, Y)
    return float(net.score(X_test, Y_test))


PEERS: dict[str, tuple[str, Callable[[Data, int, int], float]]] = {
    "xpnet": ("xpnet", with_xpnet),
    "torch": ("torch", with_torch),
    "scikit-learn": ("sklearn", with_sklearn),
}


def main() -> None:
    """Train each peer in turn, seed by seed; print a table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    load = xpnet.datasets.load_fashion_mnist
    parts = ((images / 255, labels) for images, labels in map(load, ("train", "test")))
    (X, Y), (X_test, Y_test) = ((images.astype(np.float32), labels) for images, labels in parts)
    here = {name: run for name, (package, run) in PEERS.items() if find_spec(package)}
    found: dict[str, Any] = {name: {"accuracy": [], "seconds": []} for name in here}
    for seed in range(options.seeds):
        for name, run in here.items():
            began = time.perf_counter()
            accuracy = run((X, Y, X_test, Y_test), options.epochs, seed)
            found[name]["accuracy"].append(round(accuracy, 4))
            found[name]["seconds"].append(round(time.perf_counter() - began, 1))
            print(
                f"{name:14} seed {seed}: {accuracy:.4f}, {found[name]['seconds'][-1]} s", flush=True
            )
    for name, row in found.items():
        row["mean_accuracy"] = round(mean(row["accuracy"]), 4)
        print(f"{name:14} mean of {options.seeds}: {row['mean_accuracy']:.4f}")
    absent = [name for name in PEERS if name not in here]
    print(f"absent: {', '.join(absent) or 'none'}")
    write(
        options.out,
        {"machine": machine(), "epochs": options.epochs, "peers": found, "absent": absent},
    )


if __name__ == "__main__":
    main()
