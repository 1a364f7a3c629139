"""
Your own variant
================

A VAE that pays less for rows that it cannot explain: one class, one hook. It
is saved, exported and tested like any other.
"""

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import keras_ae


@keras_ae.register("capped-vae")
class CappedVAE(keras_ae.VAE):
    """VAE whose reconstruction term of an example is bounded.

    Formula: loss = cap * tanh(-log p(x|z) / cap) + KL(q(z|x) || p(z))
    Args: cap: highest reconstruction term, nats. Others: see `VAE`.
    Example: `CappedVAE.create((8,), 2, cap=10.0)`
    Reference: Huber, 1964. Robust Estimation of a Location Parameter.
    """

    def __init__(self, *parts, cap=100.0, **kwargs):
        super().__init__(*parts, **kwargs)
        self.cap = cap

    def loss_terms(self, forward, moment):
        terms = super().loss_terms(forward, moment)
        bounded = self.cap * tf.tanh(terms["reconstruction"] / self.cap)
        return terms | {"reconstruction": bounded}


# %%
# A line, and a tenth of the rows anywhere. What does each make of the line?

rng = np.random.default_rng(0)
line = rng.normal(size=(900, 1)) * [1, 1] + rng.normal(0, 0.1, (900, 2))
rows = np.concatenate([line, rng.uniform(-4, 4, size=(100, 2))])
settings = {"network": "linear", "likelihood": {"gaussian": {"scale": 0.2}}}

figure = Figure(figsize=(7, 3.5))
for ax, name, own in zip(
    figure.subplots(1, 2),
    ("vae", "capped-vae"),
    ({}, {"cap": 5.0}),
    strict=True,
):
    model = keras_ae.create(name, 2, 1, seed=0, **settings, **own)
    model.compile("adam")
    model.fit(rows, epochs=60, verbose=0)
    ends = model.reconstruct(line)
    ax.scatter(*rows.T, s=3, color="0.6")
    ax.scatter(*ends.T, s=3, color="red")
    error = np.mean((ends - line) ** 2)
    ax.set_title(f"{name}: squared error {error:.3f}")
