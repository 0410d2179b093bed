"""
Sun, rain or fog
================

Which weather does a model mistake for which, and of days on which it is 80 % sure, is it right on
eight of ten? Seattle again, with five kinds of weather as classes.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from xpnet import plots
from xpnet.datasets import stratified_split
from xpnet.tables import read_csv, train

# %%
# The table comes with a package: ``pip install vega_datasets``. Three tenths of the days are held
# out, with the same share of each weather. Snow fell on few days, and so did drizzle.

source = Path(find_spec("vega_datasets").origin).parent / "_data" / "seattle-weather.csv"
table = read_csv(source)
weather = table.columns["weather"]
rows, test = stratified_split(weather, fraction=0.3)
days, truth = table.take(test), weather[test]

# %%
# The training divides the outputs by a temperature T before the softmax. It chooses the T that
# gives the least log loss on rows that it held out, and keeps it in the model.

model = train(table.take(rows), "weather")
T = model.schema.target.temperature
probabilities, predicted = model.predict_proba(days), model.predict(days)
frequent = max(model.classes, key=lambda name: np.sum(truth == name))
print(f"temperature {T:.2f}; accuracy {np.mean(predicted == truth):.3f}")
print(f"always {frequent!r}: {np.mean(truth == frequent):.3f}")

# %%
# The picture
# -----------
# Drizzle and fog are mistaken for sun: the table has rain, wind and temperatures, but nothing of
# clouds. The probabilities say so: the points lie near the diagonal. Only where the model is most
# sure, it is a little too sure.

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.8), layout="constrained")
confusion = plots.ConfusionDisplay.from_predictions(truth, predicted).plot(left)
calibration = plots.CalibrationDisplay.from_predictions(
    predicted == truth, probabilities.max(axis=1), of="the likeliest weather", bins=6
).plot(right)
assert confusion.accuracy > np.mean(truth == frequent) + 0.2
assert calibration.error < 0.1
plt.show()
