"""
What a model relies on
======================

Which columns of a table does a model need, and what does it mean if it needs one little? Penguins
from three islands; a model learns their body mass.
"""

from importlib.util import find_spec
from pathlib import Path

from matplotlib import pyplot as plt

from xpnet.plots.axes import COLOURS, describe
from xpnet.tables import Table, held_out, read_csv, train

# %%
# The table comes with a package: ``pip install palmerpenguins``. It has holes, written ``NA``. A
# second table has the length of the flippers twice, in millimetres and in inches.

source = Path(find_spec("palmerpenguins").origin).parent / "data" / "penguins.csv"
penguins = read_csv(source)
columns = {name: penguins.columns[name].tolist() for name in penguins.names}
mm = columns["flipper_length_mm"]
inches = [cell if cell == "NA" else f"{float(cell) / 25.4:.2f}" for cell in mm]
tables = {
    "The table as it is": penguins,
    "One column twice": Table({**columns, "flipper_length_in": inches}),
}

# %%
# Mixing the cells of a column
# ----------------------------
# ``importance`` permutes the cells of one column among the rows, which cuts it off from the target,
# and measures how much the error rises. It does so on penguins that the model has not seen.
# ``evaluate`` gives the error without permutations.

rises, errors = {}, {}
for title, table in tables.items():
    rows, test = held_out(None, len(table), 0.3)
    model = train(table.take(rows), "body_mass_g", missing=["NA"])
    rises[title] = model.importance(table.take(test), repeats=20)
    errors[title] = model.evaluate(table.take(test))["rmse"]
    print(f"{title}: error {errors[title]:.0f} g; the first column is {next(iter(rises[title]))}")

# %%
# Two columns that say the same share what they are worth: if the cells of one are mixed, the model
# still has the other. So a column of little importance is not one that tells little. What the
# model knows has hardly changed.

once, twice = rises.values()
assert next(iter(once)) == "flipper_length_mm"
assert twice["flipper_length_mm"] < 0.6 * once["flipper_length_mm"]
first, second = errors.values()
assert abs(second / first - 1) < 0.15

# %%
# The picture
# -----------

figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharex=True, layout="constrained")
for ax, (title, found) in zip(axes, rises.items(), strict=True):
    names = list(found)[::-1]
    marked = [COLOURS[1] if name.startswith("flipper") else COLOURS[0] for name in names]
    ax.barh(names, [found[name] for name in names], color=marked)
    ax.grid(axis="x", alpha=0.25)
    describe(ax, f"{title}: error {errors[title]:.0f} g", "rise of the error, grams", "")
plt.show()
