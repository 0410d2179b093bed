"""Show a report as one HTML page, light or dark, without script or anything from a network."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from html import escape
from importlib import import_module
from itertools import islice

from xpnet._version import __version__
from xpnet.equations.parameters import layout
from xpnet.pages.document import document, grid
from xpnet.pages.style import STYLE
from xpnet.plots import FirstLayerDisplay, LossCurveDisplay
from xpnet.report.figures import svg
from xpnet.report.judged import Judged, judge, worst_cases
from xpnet.report.report import Report
from xpnet.report.shown import Images
from xpnet.training.history import History

__all__ = ["page"]

_BAR, _COLUMNS = 20, 20  # characters of the longest bar, and columns that are shown

_MORE_STYLE = """
.xpnet-page .cards{display:flex;flex-wrap:wrap;gap:.6em;margin:.8em 0}
.xpnet-page .cards div{background:var(--card);border:1px solid var(--line);border-radius:6px;
padding:.5em .9em}
.xpnet-page .cards dt{color:var(--dim);font-size:.88em}
.xpnet-page .cards dd{margin:0;font-size:1.25em;font-weight:650;font-variant-numeric:tabular-nums}
.xpnet-page .figures{display:grid;gap:.8em;
grid-template-columns:repeat(auto-fill,minmax(min(100%,30em),1fr))}
.xpnet-page .figures svg{width:100%;height:auto;background:var(--card);
border:1px solid var(--line);border-radius:6px}
.xpnet-page svg *{stroke-linejoin:round;stroke-linecap:butt}
.xpnet-page svg image{image-rendering:pixelated}
.xpnet-page .gallery{display:grid;gap:.8em;grid-template-columns:repeat(auto-fill,minmax(9em,1fr))}
.xpnet-page .gallery figure{margin:0}
.xpnet-page .facts{display:grid;gap:.2em 2em;
grid-template-columns:repeat(auto-fit,minmax(min(100%,24em),1fr))}
.xpnet-page .facts td:last-child{text-align:left;overflow-wrap:anywhere}
.xpnet-page .facts td:first-child{color:var(--dim);white-space:nowrap}
.xpnet-page .facts td{vertical-align:top}
.xpnet-page .scroll td:first-child{white-space:nowrap}
.xpnet-page h3{font-size:1em;margin:.4em 0 .1em}
.xpnet-page pre{overflow-x:auto;font-size:.92em}
"""


def page(report: Report) -> str:
    """Return the whole HTML document."""
    judged = _judged(report)
    sections = "".join(_sections(report, judged))
    cards = "" if report.parts else _cards(judged[""].metrics)
    n = report.net.epoch if report.history is None else _kept(report.history)
    epochs = f"{n} epoch{'' if n == 1 else 's'}"
    return document(
        f"xpnet: {report.title}",
        f'<style>{STYLE}{_MORE_STYLE}</style><main class="xpnet-page"><h1>{escape(report.title)}'
        f'</h1><p class="dim">{epochs} of training, judged by {escape(report.judged_by)}</p>'
        f"{cards}{sections}</main>",
    )


def _kept(history: History) -> int:
    """The epochs of the network: the best number if there was a choice, else all."""
    return history.best_epoch or len(history)


def _judged(report: Report) -> dict[str, Judged]:
    """Return the judgement of each of several targets by its name; of one, by the empty text."""
    parts = {part.quantity[0]: part for part in report.parts} or {"": report}
    return {
        name: judge(part, f"-{t}" if report.parts else "")
        for t, (name, part) in enumerate(parts.items())
    }


def _predictions(name: str, judged: Judged) -> str:
    """Return the section on the predictions; if the target is named, with its metrics."""
    below = grid(judged.table[1:], judged.table[0]) if judged.table else ""
    figures = _figures(judged.figures) + below
    if not name:
        return _section("Predictions", figures)
    return _section(f"Predictions of {name}", _cards(judged.metrics) + figures)


def _sections(report: Report, judged: Mapping[str, Judged]) -> Iterator[str]:
    if report.history is not None:
        curves = _figures(list(_curves(report.history)))
        yield _section("Training", curves + _of_validation(report, report.history))
    yield from (_predictions(name, each) for name, each in judged.items())
    if report.importance:
        yield _section("What the model relies on", _importance(report))
    cases = worst_cases(judged)
    if report.examples is not None and cases:
        yield _section("The worst: largest loss first", report.examples.html(cases))
    if isinstance(report.examples, Images):
        units = FirstLayerDisplay.from_network(report.net, report.examples.shape)
        about = "Weights of the first layer as images"
        yield _section("What the first layer looks at", _figures([svg(units, "units", about)]))
    facts = {"Settings": _settings(report), "Data": report.data, "Versions": _versions(report)}
    listed = "".join(
        f"<div><h3>{name}</h3>{grid(list(each.items()))}</div>"
        for name, each in facts.items()
        if each
    )
    summary = f"<pre>{escape(report.net.summary())}</pre>"
    yield _section("How it was made", f'<div class="facts">{listed}</div>{summary}')


def _section(title: str, body: str) -> str:
    return f'<section class="band"><h2>{escape(title)}</h2>{body}</section>'


def _cards(metrics: Mapping[str, str]) -> str:
    cards = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in metrics.items()
    )
    return f'<dl class="cards">{"".join(cards)}</dl>'


def _figures(pictures: list[str]) -> str:
    return f'<div class="figures">{"".join(pictures)}</div>'


def _curves(history: History) -> Iterator[str]:
    """Yield the figures of the losses and of each metric."""
    display = LossCurveDisplay.from_history(history)
    yield svg(display, "loss", f"Loss by epoch, {history.loss[-1]:.4g} at the end")
    for name, values in history.metrics.items():
        display = LossCurveDisplay.from_history(history, [name])
        words = name.replace("_", " ")
        about = f"{words[:1].upper()}{words[1:]} by epoch, {values[-1]:.4g} at the end"
        yield svg(display, name.replace("_", "-"), about)


def _of_validation(report: Report, history: History) -> str:
    if not history.validation_loss:
        return ""
    by = report.validated_by or report.judged_by
    return f'<p class="dim">Validation uses {escape(by)}, after each epoch.</p>'


def _importance(report: Report) -> str:
    """Return a table of columns, each with a bar as long as its share of the largest rise."""
    largest = max(report.importance.values())
    rows = [
        (name, f"{rise:.4g}", "█" * round(_BAR * max(rise, 0) / largest) if largest > 0 else "")
        for name, rise in islice(report.importance.items(), _COLUMNS)
    ]
    error = "the log loss, or of the RMSE"
    if report.parts:
        error = "the targets' mean log loss, or squared error in units of the training's spread"
    more = len(report.importance) - len(rows)
    note = f" {more} more columns are not shown." if more > 0 else ""
    return (
        grid(rows, ("column", "rise of the error", ""))
        + f'<p class="dim">The rise of {error}, when the cells of the column '
        f"are mixed among the rows. A column that another one repeats may look small.{note}</p>"
    )


def _settings(report: Report) -> dict[str, str]:
    """Return the given settings, and those found in the network and the history."""
    net, history = report.net, report.history
    where = f"{net.backend.name} {net.device}, {net.dtype}"
    return {
        "network": "-".join(map(str, net.sizes)),
        "parameters": f"{layout(net.layers).size:,}",
        **report.settings,
        **({"backend": where} if history is None else _of_fit(history, where)),
        "seed": f"{net.seed}",
    }


def _of_fit(history: History, where: str) -> dict[str, str]:
    """Return what a history says of its fit."""
    kept, n = _kept(history), len(history)
    notes = [f"{n} in the curves"] if kept != n else []
    notes += [history.stopped] if history.stopped else []
    of_curves = " for the curves" if kept != n else ""
    threads = "" if history.threads is None else f", threads for products: {history.threads}"
    return {
        "epochs done": f"{kept}" + (f" ({', '.join(notes)})" if notes else ""),
        "training time": f"{sum(history.seconds):.3g} s{of_curves}",
        "backend": f"{where}, {history.engine}{threads}",
    }


def _versions(report: Report) -> dict[str, str]:
    """Return the versions of everything that made the numbers and the figures."""
    packages = dict.fromkeys((*report.net.backend.packages[:1], "numpy", "matplotlib"))
    found = {name: str(import_module(name).__version__) for name in packages}
    return {
        "xpnet": __version__,
        "Python": platform.python_version(),
        **found,
        "system": f"{platform.system()} {platform.machine()}",
    }
