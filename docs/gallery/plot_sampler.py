"""
A sampler fitted afterwards
===========================

A plain autoencoder says nothing of where its codes lie. Ten normals fitted to
them make it generative: on images, often better than a VAE with its prior.
"""

import keras_ae

(x, _), _ = keras_ae.datasets.load("digits")
model = keras_ae.Autoencoder.create((8, 8, 1), latent_dim=8, seed=0)
model.compile("adam")
model.fit(x, epochs=30, verbose=0)

keras_ae.fit_sampler(model, x, "mixture", components=10)

# %%
# Digits that nobody wrote:

figure = keras_ae.plots.samples(model, 36, seed=0)
