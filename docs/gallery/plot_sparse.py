"""
Sparse features
===============

A code longer than the input of which ten units may be active: what each one
writes is a stroke. ``adapt`` starts the units so that none stays dead.
"""

import numpy as np
from matplotlib.figure import Figure

import keras_ae

(x, _), (x_test, _) = keras_ae.datasets.load("digits")
model = keras_ae.SparseAutoencoder.create(
    (8, 8, 1),
    latent_dim=100,
    network="tied",
    sparsity=keras_ae.sparsity.TopK(10),
    seed=0,
)
model.adapt(x)
model.compile("adam")
model.fit(x, epochs=60, verbose=0)

codes = model.embed(x_test)
used = np.count_nonzero(codes, axis=0)
print(f"active units: {np.count_nonzero(codes, axis=1).max()} of 100")
print(f"units in use on unseen digits: {np.count_nonzero(used)}")

# %%
# What the most used units write:

figure = Figure(figsize=(6, 3.2))
places = np.argsort(-used)[:32]
nothing = model.decode(np.zeros((1, 100))).mean().numpy()
strokes = model.decode(np.eye(100)[places]).mean().numpy() - nothing
for ax, stroke in zip(figure.subplots(4, 8).flat, strokes, strict=True):
    ax.imshow(stroke, cmap="RdBu_r", vmin=-0.6, vmax=0.6)
    ax.set_axis_off()
