"""
New rows of a table
===================

Learn the distribution of a data frame and draw rows that were never there,
with the names, types and categories of the frame.
"""

from sklearn.datasets import load_iris

import keras_ae

frame = load_iris(as_frame=True).frame
frame["target"] = frame["target"].map(
    {0: "setosa", 1: "versicolor", 2: "other"}
)

table = keras_ae.spaces.Table.from_frame(frame)
model = keras_ae.VAE.create(table, latent_dim=4, hidden=(64,), seed=0)
model.compile("adam")
model.fit(frame, epochs=400, batch_size=32, verbose=0)
new = model.sample(150, seed=0)
print(new.head())

# %%
# Each column by itself, and how strongly columns go together, in real rows and
# in new ones:

figure = keras_ae.plots.table(frame, new)
