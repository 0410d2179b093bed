"""The harness of the CPU benchmarks: arithmetic on invented numbers, and processes."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError

import pytest

from benchmarks import plot, report, tables, targets, turns
from benchmarks.__main__ import main
from benchmarks.blas import assignment
from benchmarks.figures import best, exponent, ratio, summary
from benchmarks.pages import cpu as parts
from benchmarks.pages import markdown
from benchmarks.peers import CONTENDERS
from benchmarks.turns import Process, take_turns
from benchmarks.worker import Job
from benchmarks.workloads import WORKLOADS, data
from tests.support.helpers import ROOT, needed
from tests.support.processes import python

TINY = WORKLOADS[0]


def figures(**medians):
    return {name.replace("_", " "): {"median": m} for name, m in medians.items()}


def command(*arguments):
    return python("-m", "benchmarks", *arguments, cwd=ROOT, check=True).stdout


# --- the arithmetic


def test_a_summary_is_the_median_and_the_quartiles_of_the_rounds():
    found = summary([5.0, 1.0, 2.0, 4.0, 3.0])
    assert found == {"seconds": [5, 1, 2, 4, 3], "median": 3.0, "quartiles": [2.0, 4.0]}
    assert summary([2.0, 1.0])["quartiles"] == [1.0, 2.0]
    assert summary([7.0]) == {"seconds": [7.0], "median": 7.0, "quartiles": [7.0, 7.0]}


def test_the_best_is_the_quickest_of_those_named_that_have_a_figure():
    contenders = {**figures(a=3.0, b=2.0, c=1.0), "d": {"absent": "no module"}}
    assert best(contenders, ("a", "b", "d")) == ("b", 2.0)
    assert best(contenders, ("d",)) is None
    assert ratio(contenders, "a", "b") == 1.5
    assert ratio(contenders, "a", "d") is None


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_the_exponent_is_that_of_the_upper_range(p):
    x = [2.0**k for k in range(1, 10)]
    assert exponent(x, [3 * a**p for a in x]) == pytest.approx(p)
    floor = [100.0 * (a < 32) + 3 * a**p for a in x]  # constant below the middle
    assert exponent(x[::-1], floor[::-1]) == pytest.approx(p)


def test_the_exponent_is_the_least_squares_slope():
    # log2 of the upper three: x 0, 1, 2 and y 0, 0, 3, whose slope is ((-1)(-1) + 1 * 2) / 2
    assert exponent([0.25, 0.5, 1, 2, 4], [9, 9, 1, 1, 8]) == pytest.approx(1.5)
    assert exponent([1, 2, 4], [8, 2, 4]) == pytest.approx(1.0)  # the lowest is not in the range


def row(rows, workload, measure):
    (found,) = [r for r in rows if (r["workload"], r["measure"]) == (workload, measure)]
    return found


def invented(title, **medians):
    return {title: {"contenders": figures(**medians)}}


def test_targets_are_ratios_of_medians_to_the_best_peer_and_the_products():
    title = "784-128-10, 64"
    default = invented(title, xpnet=6.0, thinc=20.0, JAX_jit=10.0, JAX_scan=5.0, products=4.0)
    tuned = invented(title, xpnet=6.0, thinc=12.0, JAX_jit=9.0, products=4.0)
    rows = targets.verdicts({"default": default, "tuned": tuned}, default_is_tuned=False)
    assert len(rows) == 3
    found = row(rows, title, "× best peer, default")
    assert (found["target"], found["found"], found["against"]) == (0.65, 0.6, "JAX jit")
    assert found["met"]
    assert (found["once_an_epoch"], found["found_once_an_epoch"]) == ("JAX scan", 1.2)
    found = row(rows, title, "× best peer, tuned")
    assert (found["target"], round(found["found"], 3), found["met"]) == (0.5, 0.667, False)
    assert "once_an_epoch" not in found
    found = row(rows, title, "× products alone, tuned")
    assert (found["target"], found["found"], found["met"]) == (1.4, 1.5, False)


def test_a_target_that_is_just_reached_is_met():
    default = invented("2-8-2, 1", xpnet=3.0, thinc=30.0)
    rows = targets.verdicts({"default": default}, default_is_tuned=False)
    assert [r["met"] for r in rows] == [True]


def test_default_figures_are_the_tuned_ones_where_there_is_nothing_to_tune():
    default = invented("2-8-2, 1", xpnet=1.0, thinc=5.0, products=4.0)
    measures = [
        [r["measure"] for r in targets.verdicts({"default": default}, default_is_tuned=same)]
        for same in (False, True)
    ]
    assert measures[0] == ["× best peer, default"]
    assert measures[1] == [
        "× best peer, default",
        "× best peer, tuned",
        "× products alone, tuned",
    ]


def test_a_run_is_judged_by_its_accuracy_and_memory_too():
    def contender(seconds, accuracy, peak):
        return {"median": seconds, "accuracy": accuracy, "peak_bytes": peak}

    run = {
        "xpnet": contender(2.0, [0.88, 0.88], 300),
        "torch eager": contender(6.0, [0.885, 0.885], 1000),
        "torch fused Adam": contender(4.0, [0.89, 0.895], 800),
        "thinc": {"absent": "no module"},
    }
    settings = {"default": {"fashion-mnist": {"contenders": run}}}
    rows = targets.verdicts(settings, default_is_tuned=True)
    time = row(rows, "fashion-mnist", "× best peer, default")
    assert (time["found"], time["met"]) == (0.5, True)
    accuracy = row(rows, "fashion-mnist", "accuracy − best peer's")
    assert (accuracy["found"], accuracy["met"]) == (-0.0125, False)
    memory = row(rows, "fashion-mnist", "peak memory ÷ torch's")
    assert (memory["found"], memory["met"]) == (0.375, False)
    assert (memory["against"], memory["target"]) == ("torch fused Adam", 0.333)
    run["xpnet"] = contender(2.0, [0.883, 0.883], 266)
    rows = targets.verdicts(settings, default_is_tuned=True)
    assert all(r["met"] for r in rows)


def test_every_target_is_of_a_workload():
    assert set(targets.TARGETS) == {workload.title for workload in WORKLOADS}
    assert {"JAX scan"} == set(targets.ALL_PEERS) - set(targets.PEERS)


# --- the workloads, and the words of the report


@pytest.mark.parametrize("workload", WORKLOADS[:3], ids=lambda w: w.name)
def test_the_data_have_every_class_and_whole_batches(workload):
    X, Y = data(workload)
    assert X.shape == (workload.rows, workload.sizes[0])
    assert (X.dtype, Y.dtype) == ("float32", "int64")
    assert set(Y.tolist()) == set(range(workload.sizes[-1]))
    assert workload.steps * workload.batch == workload.rows


def test_products_of_a_step_are_three_a_layer_but_one():
    from benchmarks.peers.products import operands

    for workload in WORKLOADS[:4]:
        products = operands(workload)
        assert len(products) == 3 * (len(workload.sizes) - 1) - 1
        for left, right, out in products:
            assert (left @ right).shape == out.shape


def test_a_table_names_what_is_missing_apart():
    contenders = {**figures(thinc=2e-6, xpnet=1e-6), "JAX jit": {"absent": "No module 'jax'"}}
    for found in contenders.values():
        found |= {"quartiles": [1e-6, 2e-6], "import_seconds": 1.0, "prepare_seconds": 2.0}
    head, rows = report.contender_rows(contenders, "step")
    assert [r[0] for r in rows] == ["thinc", "xpnet"]
    assert [r[head.index("× best peer")] for r in rows] == ["1.00", "0.50"]
    assert [r[head.index("× products")] for r in rows] == ["–", "–"]
    assert report.missing(contenders) == ["JAX jit absent: No module 'jax'"]


def test_a_variable_is_given_as_name_and_value():
    assert dict(map(assignment, ["A=1", "B=x=y"])) == {"A": "1", "B": "x=y"}
    for text in ("A", "=1"):
        with pytest.raises(ArgumentTypeError, match=f"must be NAME=VALUE, got '{text}'"):
            assignment(text)


def test_there_is_no_tuned_setting_where_nothing_is_to_be_tuned(capsys):
    options = ["--only", "tuned", "--tuned-env"]
    assert main(["cpu", *options]) == 2
    assert "OpenBLAS has the best kernels here by itself" in capsys.readouterr().out


def written(folder):
    """Write an invented result with two settings."""

    def workload(unit, **seconds):
        rows = figures(**seconds)
        for found in rows.values():
            found |= {"accuracy": [0.88, 0.89], "peak_bytes": 3e8}
        return {"unit": unit, "contenders": {**rows, "thinc": {"absent": "No module 'thinc'"}}}

    workloads = {
        "2-8-2, 1": workload("step", xpnet=3e-6, products=4e-6),
        "64-64-10, 32": workload("step", xpnet=2e-5, products=1e-5),
        "fashion-mnist": workload("run", xpnet=3.0),
    }
    settings = {"default": workloads, "tuned": workloads}
    result = {"tuned_environment": {"A": "B"}, "settings": settings}
    result["targets"] = targets.verdicts(settings, default_is_tuned=False)
    (folder / "cpu.json").write_text(json.dumps(result), encoding="utf-8")
    return result


def test_the_page_has_the_figures_of_the_result(tmp_path, monkeypatch):
    monkeypatch.setattr(markdown, "RESULTS", tmp_path)
    assert tables.written(parts.cpu_steps) == "Not measured yet."
    written(tmp_path)
    assert "| 2-8-2, 1 | × products alone, tuned | ≤ 0.3 | 0.75 | missed |" in parts.cpu_targets()
    steps = parts.cpu_steps()
    assert steps.count("| xpnet | 3.0 | 20.0 |") == 2
    assert steps.count("| thinc | – | – |") == 2
    assert "thinc absent: No module 'thinc'" in steps
    assert "With `A=B`:" in steps
    assert "| xpnet | 3.00 | 3.00 | 0.8850 | 300 |" in parts.cpu_run()


def test_the_plot_is_the_same_bytes_from_the_same_figures(tmp_path):
    needed("matplotlib")
    workloads = written(tmp_path)["settings"]["tuned"]
    for name in ("one.svg", "two.svg"):
        plot.draw(workloads, "tuned", tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert drawn == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert "2-8-2, 1" in drawn
    assert "fashion-mnist" not in drawn  # a run is not a step


# --- the processes


@pytest.mark.slow
def test_the_quick_form_measures_and_writes_what_it_says(tmp_path):
    out = tmp_path / "cpu.json"
    variables = ["--tuned-env", "XPNET_BENCHMARK_TEST=1"]
    chosen = ["--peers", "xpnet", "products", "--shapes", TINY.name]
    printed = command("cpu", "--quick", *chosen, *variables, "--out", str(out))
    result = json.loads(out.read_text(encoding="utf-8"))
    assert list(result["settings"]) == ["default", "tuned"]
    assert result["tuned_environment"] == {"XPNET_BENCHMARK_TEST": "1"}
    assert result["machine"]["numpy"]
    for found in result["settings"].values():
        contenders = found[TINY.title]["contenders"]
        assert list(contenders) == ["xpnet", "products"]
        for contender in contenders.values():
            assert len(contender["seconds"]) == 2
            assert min(contender["seconds"]) <= contender["median"] <= max(contender["seconds"])
            assert contender["turns_a_round"] >= 1
            assert contender["peak_bytes"] > 1e6
            assert contender["versions"]["numpy"] == result["machine"]["numpy"]
            assert {"import_seconds", "prepare_seconds", "threads", "pools"} <= set(contender)
        assert contenders["xpnet"]["first_prepare_seconds"] > 0
    verdict = row(result["targets"], TINY.title, "× products alone, tuned")
    expected = ratio(result["settings"]["tuned"][TINY.title]["contenders"], "xpnet", "products")
    assert result["minutes"] >= 0
    assert verdict["found"] == pytest.approx(expected, rel=1e-3)
    assert f"{TINY.title}, tuned BLAS kernels XPNET_BENCHMARK_TEST=1" in printed


@pytest.mark.slow
def test_a_part_is_not_written_where_the_whole_result_is():
    results = ROOT / "benchmarks" / "results"
    before = {path.name: path.read_bytes() for path in results.iterdir()}
    command("cpu", "--quick", "--only", "default", "--peers", "products")
    assert before == {path.name: path.read_bytes() for path in results.iterdir()}


@pytest.mark.slow
def test_a_contender_that_is_absent_or_fails_is_named_and_the_others_go_on(tmp_path):
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn" / "__init__.py").write_text("raise ImportError('not here')")
    jobs = {
        "xpnet": Job("xpnet", TINY._replace(sizes=(2, -8, 2)), 0.01),
        "scikit-learn": Job("scikit-learn", TINY, 0.01),
        "products": Job("products", TINY, 0.01),
    }
    found = take_turns(jobs, {"PYTHONPATH": str(tmp_path)}, rounds=1, pause=0.0)
    assert list(found) == list(jobs)
    assert found["xpnet"]["failed"].startswith("ValueError: ")
    assert found["scikit-learn"] == {"absent": "not here"}
    assert found["products"]["median"] > 0


def test_one_that_is_lost_between_its_rounds_has_failed():
    with Process(Job("products", TINY, 0.01), {}) as worker:
        assert "prepare_seconds" in worker.answer()
        assert worker.ask("round")["seconds"] > 0
        worker.process.kill()
        assert "status -9" in worker.ask("round")["failed"]
        assert "status -9" in worker.ask("report")["failed"]


def test_one_failure_is_the_contender_s_result(monkeypatch):
    class Scripted:
        """Answers "ready", then a round, then a failure."""

        def __init__(self, *job):
            self.answers = [{"prepare_seconds": 1.0}, {"seconds": 2.0}, *[{"failed": "lost"}] * 2]

        def answer(self, *word):
            return self.answers.pop(0)

        ask = answer

        def __enter__(self):
            return self

        def __exit__(self, *error):
            assert not self.answers

    monkeypatch.setattr(turns, "Process", Scripted)
    found = take_turns({"x": Job("products", TINY, 0.01)}, {}, rounds=2, pause=0.0)
    assert found == {"x": {"failed": "lost"}}


def test_who_begins_changes_from_round_to_round(monkeypatch):
    asked = []

    class Named:
        def __init__(self, job, environment):
            self.name = job.contender

        def answer(self):
            return {"prepare_seconds": 1.0}

        def ask(self, word):
            asked.append(self.name if word == "round" else word)
            return {"seconds": 1.0}

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(turns, "Process", Named)
    take_turns({name: Job(name, TINY, 0.01) for name in "abc"}, {}, rounds=3, pause=0.0)
    assert "".join(asked[:9]) == "abcbcacab"
    assert asked[9:] == ["report"] * 3


def test_predictions_are_timed_in_the_same_way():
    job = Job("NumPy by hand", TINY, 0.01, examples=3)
    assert Job.from_json(job.to_json()) == job
    found = take_turns({"by hand": job}, {}, rounds=2, pause=0.0)["by hand"]
    assert len(found["seconds"]) == 2


def test_every_module_of_a_peer_is_there():
    for place in CONTENDERS.values():
        assert (ROOT / "benchmarks" / "peers" / f"{place.module}.py").is_file()


@pytest.mark.parametrize("name", list(tables.PAGES))
def test_the_pages_say_what_the_results_say(name):
    """Every figure in a table of README.md and the docs comes from a committed result."""
    assert (tables.ROOT / name).read_text(encoding="utf-8") == tables.page_of(name)
