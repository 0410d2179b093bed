"""One contender in its own process, which runs rounds at its parent's request.

    python -m benchmarks.worker JOB

JOB is a `Job` as JSON. Standard input has the words "round" or "report", one per line. The answer
to each is a line of JSON on standard output. A line before them says whether the contender is
ready. Whatever a library prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, TextIO

import numpy as np

from benchmarks.blas import pools
from benchmarks.memory import peak_memory
from benchmarks.peers import CONTENDERS, GPU_CONTENDERS, PREDICTORS, VARIANTS, Peer, make
from benchmarks.workloads import Workload, data, test_data

__all__ = ["SOME_ROWS", "Job", "some"]

SOME_ROWS, SOME_OUTPUTS = 8, 64


def some(outputs: Any) -> list[Any]:
    """Return a few of the outputs as lists."""
    found: list[Any] = np.asarray(outputs, dtype=np.float64)[..., :SOME_OUTPUTS].tolist()
    return found


@dataclass(frozen=True)
class Job:
    """The task of a worker.

    ``examples`` is 0 for training, otherwise the number of examples predicted in one call. A round
    takes about ``seconds``, unless it is a whole run. After ``first_steps`` steps from the common
    start, a contender on a GPU reports outputs, which are compared with a reference's.
    """

    contender: str
    workload: Workload
    seconds: float
    examples: int = 0
    first_steps: int = 0

    def to_json(self) -> str:
        """Return the job as one line."""
        return json.dumps(asdict(self) | {"workload": self.workload._asdict()})

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Return the job that `to_json` wrote."""
        values = json.loads(text)
        workload = Workload(**values.pop("workload"))
        return cls(workload=workload._replace(sizes=tuple(workload.sizes)), **values)


class _Worker:
    """The contender, and the number of its turns that fill a round."""

    def __init__(self, job: Job) -> None:
        self.job, self.workload = job, job.workload
        places = PREDICTORS if job.examples else {**CONTENDERS, **VARIANTS}
        places = GPU_CONTENDERS if job.first_steps else places
        X, Y = data(self.workload)
        began = time.perf_counter()
        self.peer: Peer = make(places[job.contender], self.workload, X, Y)
        imported = time.perf_counter()
        self.peer.start(0)
        self.peer.train(1)
        self.turn, self.units = self._turn()
        self.ready = {
            "import_seconds": round(imported - began, 3),
            "prepare_seconds": round(time.perf_counter() - imported, 3),
        }
        self.turns = 1 if self.workload.epochs else self._turns()
        self.peak: int | None = None
        self.rounds = 0

    def _turn(self) -> tuple[Callable[[int], None], int]:
        """Return the function that a round repeats, and how many units one call counts as."""
        if not self.job.examples:
            return self.peer.train, self.workload.steps
        rng = np.random.default_rng(2)
        shape = (self.job.examples, self.workload.sizes[0])
        X = rng.random(shape if self.job.examples > 1 else shape[1:], dtype=np.float32)
        assert np.allclose(self.peer.predict(X).sum(axis=-1), 1.0, atol=1e-4)

        def calls(n: int) -> None:
            for _ in range(n):
                self.peer.predict(X)

        return calls, 1

    def _turns(self) -> int:
        """Return how many calls fill a round: doubled up to a tenth of it, then in proportion."""
        turns = 1
        while (taken := self._timed(turns)) < self.job.seconds / 10:
            turns *= 2
        return max(1, round(turns * self.job.seconds / taken))

    def _timed(self, turns: int) -> float:
        return self._seconds(lambda: self.turn(turns))

    def _seconds(self, act: Callable[[], None]) -> float:
        """Time with the contender's own clock (CUDA events), or the host's."""
        if hasattr(self.peer, "elapsed"):
            taken: float = self.peer.elapsed(act)
            return taken
        began = time.perf_counter()
        act()
        return time.perf_counter() - began

    def _whole_run(self) -> None:
        self.peer.start(self.rounds)
        self.peer.train(self.workload.epochs)

    def round(self) -> dict[str, Any]:
        """Return the seconds per unit; for a run also its accuracy, whose time is excluded."""
        if not self.workload.epochs:
            return {"seconds": self._timed(self.turns) / (self.turns * self.units)}
        taken = self._seconds(self._whole_run)
        self.rounds += 1
        self.peak = self.peak or peak_memory()  # before the test images are loaded
        return {"seconds": taken, **self._accuracy()}

    def _accuracy(self) -> dict[str, float]:
        held_out = test_data(self.workload)
        if held_out is None or self.job.contender.startswith("products"):
            return {}
        X, Y = held_out
        return {"accuracy": float((np.asarray(self.peer.predict(X)).argmax(axis=1) == Y).mean())}

    def report(self) -> dict[str, Any]:
        """Return versions, threads, pools and memory."""
        return {
            **self.ready,
            "turns_a_round": self.turns,
            "versions": {name: version(name) for name in self.peer.packages if _installed(name)},
            "threads": self.peer.threads(),
            "pools": pools(),
            "peak_bytes": self.peak or peak_memory(),
            **self._outputs(),
        }

    def _outputs(self) -> dict[str, Any]:
        """Return the network's outputs after its first steps from the common start."""
        if not self.job.first_steps or not hasattr(self.peer, "first_steps"):
            return {}
        self.peer.start(0)
        self.peer.first_steps(self.job.first_steps)
        return {"outputs": some(self.peer.predict(data(self.workload)[0][:SOME_ROWS]))}


def _installed(distribution: str) -> bool:
    """Whether the package has metadata; one that is only on the path has none."""
    try:
        return bool(version(distribution))
    except ModuleNotFoundError:
        return False


def _own_output() -> TextIO:
    """Keep standard output for the answers; redirect all other output to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def main() -> None:
    """Prepare the contender, then answer until the parent closes the pipe."""
    answers = _own_output()

    def answer(content: dict[str, Any]) -> None:
        print(json.dumps(content), file=answers, flush=True)

    try:
        worker = _Worker(Job.from_json(sys.argv[1]))
    except ImportError as error:
        answer({"absent": str(error)})
        return
    answer(worker.ready)
    for line in sys.stdin:
        answer(worker.round() if line.strip() == "round" else worker.report())


if __name__ == "__main__":
    main()
