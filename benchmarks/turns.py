"""Contenders in separate processes, which run one at a time, in turn, over several rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from benchmarks.figures import summary
from benchmarks.worker import Job

__all__ = ["Process", "take_turns", "turned", "turns"]

ROOT = Path(__file__).parent.parent


class Process:
    """A worker and the pipes to it; a context manager, which ends it."""

    def __init__(self, job: Job, environment: Mapping[str, str]) -> None:
        self.errors = tempfile.TemporaryFile(  # noqa: SIM115 (it lasts until __exit__)
            "w+", encoding="utf-8", errors="replace"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", job.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )

    def answer(self) -> dict[str, Any]:
        """Return the next answer; {"failed": why} if the worker has ended without one."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found: dict[str, Any] = json.loads(line) if line else {"failed": self._last_words()}
        return found

    def ask(self, word: str) -> dict[str, Any]:
        """Return the answer to "round" or "report"."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # `answer` will say why
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        return self.answer()

    def _last_words(self) -> str:
        self.process.wait()
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors if line.strip()]
        return lines[-1] if lines else f"it ended with status {self.process.returncode}"

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):  # it has ended already
            self.process.stdin.close()  # which ends its loop
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def take_turns(
    jobs: Mapping[str, Job],
    environment: Mapping[str, str],
    *,
    rounds: int,
    pause: float,
    together: bool = False,
) -> dict[str, dict[str, Any]]:
    """Return every contender's figures, or why it has none ("absent", "failed").

    They are prepared one after the other, or all ``together``, and then take turns. Each round
    begins with a different one. Before each turn there is a pause, in which the threads of other
    libraries go to sleep.
    """
    found: dict[str, dict[str, Any]] = {}
    running: dict[str, Process] = {}
    with ExitStack() as stack:
        started = (
            (name, stack.enter_context(Process(job, environment))) for name, job in jobs.items()
        )
        for name, worker in list(started) if together else started:
            found[name] = worker.answer()
            if "prepare_seconds" in found[name]:
                running[name] = worker
        answers = _rounds(running, rounds, pause)
        for name, worker in running.items():
            found[name] = _figures(answers[name], worker.ask("report"))
    return found


def _rounds(
    running: Mapping[str, Process], rounds: int, pause: float
) -> dict[str, list[dict[str, Any]]]:
    """Return every answer of each contender."""
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in running}
    for r in range(rounds):
        for name, answer in turns(running, turned(list(running), r), pause).items():
            answers[name].append(answer)
    return answers


def turns(
    running: Mapping[str, Process], names: Sequence[str], pause: float
) -> dict[str, dict[str, Any]]:
    """Return the answers of one round, in that order, each after a pause."""
    answers = {}
    for name in names:
        time.sleep(pause)
        answers[name] = running[name].ask("round")
    return answers


def turned(names: Sequence[str], r: int) -> list[str]:
    """Return the r-th rotation."""
    first = r % max(1, len(names))
    return [*names[first:], *names[:first]]


def _figures(answers: Sequence[dict[str, Any]], report: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of all rounds and the report, or the failure if there was one."""
    for answer in (*answers, report):
        if "failed" in answer:
            return answer
    found: dict[str, Any] = summary([answer["seconds"] for answer in answers])
    accuracy = [answer["accuracy"] for answer in answers if "accuracy" in answer]
    return found | ({"accuracy": accuracy} if accuracy else {}) | report
