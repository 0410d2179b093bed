"""The contenders of `python -m benchmarks tables`, on real tables."""

from __future__ import annotations

from benchmarks.pages.markdown import DOCS, read, table, wide
from benchmarks.tabular import report as tabular
from benchmarks.tabular.contenders import CONTENDERS, OWN

__all__ = [
    "tables_behind",
    "tables_contenders",
    "tables_errors",
    "tables_log_loss",
    "tables_means",
    "tables_picture",
    "tables_seconds",
    "tables_short",
]


def tables_contenders() -> str:
    """The contenders that have run, and their settings."""
    names = read("tables.json")["contenders"]
    return "\n".join(f"- **{tabular.shown_as(name)}**: {CONTENDERS[name].words}." for name in names)


def tables_errors() -> str:
    """The contenders' errors on each real table."""
    found = read("tables.json")
    return "\n\n".join([wide(*tabular.error_rows(found)), *filter(None, [tabular.r2_line(found)])])


def tables_log_loss() -> str:
    """The contenders' log losses on each table of classes."""
    return wide(*tabular.log_loss_rows(read("tables.json")))


def tables_seconds() -> str:
    """The CPU seconds of each contender's training on each table."""
    return table(*tabular.seconds_rows(read("tables.json")))


def tables_behind() -> str:
    """The tables on which another contender has less error than xpnet."""
    head, rows = tabular.behind_rows(read("tables.json"))
    return table(head, rows) if rows else "There is no such table."


def tables_short() -> str:
    """What README.md and docs/performance.md say of accuracy on tables."""
    return tabular.short_line(read("tables.json"))


def tables_means() -> str:
    """The contenders over all tables, who failed, and xpnet's defaults beside each other one."""
    found = read("tables.json")
    lines = [*tabular.failed_lines(found), *tabular.spoiled_lines(found)]
    (head, means), (beside, pairs) = tabular.mean_rows(found), tabular.pair_rows(found)
    defaults = [row[1:] for row in pairs if row[0] == OWN[0]]
    parts = [table(head[:-1], [row[:-1] for row in means]), *lines]  # the settings stand above
    return "\n\n".join([*parts, *([table(beside[1:], defaults)] if defaults else [])])


def tables_picture() -> str:
    """The mean ranks and the critical difference."""
    ranked = read("tables.json")["ranked"]
    if not ranked or not (DOCS / "img" / "tables.svg").exists():
        raise FileNotFoundError
    friedman = ranked["friedman"]
    return (
        f"Friedman's χ² is {friedman['chi2']:.1f} (p = {friedman['p']:.1g}) on "
        f"{ranked['tables']} tables.\nBars join contenders whose mean ranks differ by less than "
        f"the critical difference at α = {ranked['alpha']:g}.\n\n"
        "![Mean ranks of the contenders, and the critical difference](img/tables.svg)"
    )
