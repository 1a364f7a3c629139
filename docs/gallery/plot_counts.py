"""
Counts
======

Rows of counts with totals of their own, such as words of texts or genes of
cells: a negative binomial told the total of the row. Here three kinds of rows
differ in a third of their columns.
"""

import numpy as np

import keras_ae

rng = np.random.default_rng(0)
kinds = rng.integers(0, 3, size=600)
rates = rng.gamma(2.0, size=(1, 60)) * np.ones((3, 1))
for kind in range(3):
    rates[kind, 20 * kind : 20 * (kind + 1)] *= 3
shares = rates[kinds] / rates[kinds].sum(axis=1, keepdims=True)
counts = rng.poisson(rng.lognormal(5, 0.7, size=(600, 1)) * shares)

space = keras_ae.spaces.Counts.from_counts(counts)
model = keras_ae.VAE.create(space, latent_dim=2, hidden=(64,), seed=0)
model.compile("adam")
model.fit(counts, epochs=40, verbose=0)

# %%
# The code tells the kinds apart, whatever the totals:

figure = keras_ae.plots.latent_map(model, counts, kinds)
