"""
Fill in a table
===============

A data frame with numbers, a category and holes: train on it as it is, get the
same frame without holes. A third of the values are hidden here, so that the
answers can be compared with the truth.
"""

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_wine

import keras_ae

frame = load_wine(as_frame=True).frame.astype({"target": "category"})
hidden = np.random.default_rng(0).random(frame.shape) < 0.3
holed = frame.mask(hidden)

table = keras_ae.spaces.Table.from_frame(holed)
model = keras_ae.VAE.create(table, latent_dim=4, hidden=(64,), seed=0)
model.compile("adam")
model.fit(holed, epochs=300, batch_size=32, verbose=0)
filled = model.impute(holed)
print(filled.head())

right = (filled["target"] == frame["target"])[hidden[:, -1]].mean()
print(f"hidden classes that were found: {right:.0%}")

# %%
# Hidden numbers, in deviations of their column, and what was filled in:

numbers = frame.columns[:-1]
scaled = (frame[numbers] - frame[numbers].mean()) / frame[numbers].std()
found = (filled[numbers] - frame[numbers].mean()) / frame[numbers].std()
gaps = hidden[:, :-1]
figure = Figure(figsize=(4.5, 4))
ax = figure.subplots()
ax.scatter(scaled.to_numpy()[gaps], found.to_numpy()[gaps], s=6, alpha=0.5)
ax.plot([-3, 3], [-3, 3], color="0.6", lw=1)
ax.set(xlabel="truth", ylabel="filled in", aspect="equal")
