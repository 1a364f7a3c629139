"""
What denoising learns
=====================

With normal noise, reconstruction minus input is a gradient: that of the log
density of the data *smoothed by the noise*. Arrows point to where data are.
"""

import numpy as np

import keras_ae

rng = np.random.default_rng(0)
turn = rng.uniform(0, 3 * np.pi, size=2000)
spiral = np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=1) / 6
spiral += rng.normal(0, 0.02, spiral.shape)

noise = keras_ae.corruptions.GaussianNoise(0.15)
model = keras_ae.DenoisingAutoencoder.create(
    2, latent_dim=64, hidden=(128,), corruption=noise, seed=0
)
model.compile("adam")
model.fit(spiral, epochs=60, verbose=0)

# %%
# The field, and the data over it:

figure = keras_ae.plots.score_field(model, limits=(-1.8, 1.8))
figure.axes[0].scatter(*spiral.T, s=2, alpha=0.4, zorder=0)
