"""What an epoch asks of CUDA, counted on the fake CUDA."""

from __future__ import annotations

import pytest

from benchmarks import counts
from benchmarks.__main__ import main
from tests.support.fake_cuda import is_fake


def test_counts_need_the_fake_cuda(monkeypatch):
    monkeypatch.delenv("FAKE_CUDA", raising=False)
    with pytest.raises(SystemExit, match="ci/fake_cuda"):
        main(["gpu", "--counts"])


@pytest.mark.gpu
def test_an_epoch_of_graphs_launches_little_and_waits_once(monkeypatch):
    """K steps a graph, one graph launch; the same work, step by step, is a launch a node."""
    if not is_fake():
        # a card does not say how many calls it got
        pytest.skip("only the fake CUDA counts")
    found = counts.measured(counts.Shape((5, 6, 3), 4, 40))
    graph, launched, streamed = (
        found[how] for how in (counts.GRAPH, counts.KERNELS, counts.STREAMED)
    )
    own = 10 * 40  # 5 launches and products a layer, and two layers
    assert graph["graph launches"] == 1 + 8
    assert graph["graph nodes"] == own
    assert own <= launched["launches"] + launched["products"] <= own + 2  # the counter
    assert graph["synchronisations"] + graph["event synchronisations"] == 1
    assert graph["allocations"] == graph["memory queries"] == 0
    assert graph["bytes to device"] == 8 * 160 + 16 * 40  # the order, Adam's coefficients
    assert streamed["event synchronisations"] == 40
    head, rows = counts.count_rows({"5-6-3, 4": found})
    assert {len(row) for row in rows} == {len(head)}
