"""
Your own space
==============

Angles have no beginning: -pi is +pi. A space that shows networks their cosines
and sines is one short class; the likelihood that closes the circle is another.
"""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from matplotlib.figure import Figure

import keras_ae


@keras_ae.register("circle")
class Circle(keras_ae.spaces.BaseSpace):
    """Angles in radians `[N, size]`."""

    likelihood = "von_mises"

    def __init__(self, size):
        self.size = size

    @property
    def shape(self):
        return (self.size,)

    def features(self, x):
        return tf.concat([tf.cos(x), tf.sin(x)], axis=-1)


@keras_ae.register("von_mises")
class VonMises(keras_ae.heads.BaseHead):
    """A direction from two numbers, its cosine and its sine."""

    parts = 2

    def distribution(self, cosine, sine):
        return tfp.distributions.VonMises(tf.atan2(sine, cosine), 50.0)


rng = np.random.default_rng(0)
turn = rng.uniform(-np.pi, np.pi, size=(2000, 1))
angles = np.angle(
    np.exp(1j * (turn * [1, 2, -1] + rng.normal(0, 0.1, (2000, 3))))
)
model = keras_ae.VAE.create(Circle(3), latent_dim=2, hidden=(64, 64), seed=0)
model.compile("adam")
model.fit(angles, epochs=40, verbose=0)

# %%
# Two of the three angles, real and drawn anew:

new = model.sample(2000, seed=0)
figure = Figure(figsize=(7, 3.5))
for ax, shown, title in zip(
    figure.subplots(1, 2), (angles, new), ("data", "drawn"), strict=True
):
    ax.scatter(shown[:, 0], shown[:, 1], s=3)
    ax.set(title=title, xlabel="first angle", ylabel="second angle")
