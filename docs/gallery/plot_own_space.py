"""
Your own space
==============

Angles have no beginning: -pi is +pi. A space whose tensors are cosines and
sines, and which gives angles back, is one short class.
"""

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import keras_ae


@keras_ae.register("circle")
class Circle(keras_ae.spaces.Array):
    """Angles in radians `[N, size]`; tensors are cosines, then sines."""

    def __init__(self, size):
        super().__init__(2 * size)
        self.size = size

    @property
    def row_shape(self):
        return (self.size,)

    def check(self, name, rows, holes=False):
        keras_ae.validation.check_data(name, rows, self.row_shape, holes)

    def tensor(self, rows):
        x = tf.cast(rows, "float32")
        return tf.concat([tf.cos(x), tf.sin(x)], axis=-1)

    def array(self, values, dtype=None, like=None):
        cosines, sines = np.split(values, 2, axis=-1)
        return np.arctan2(sines, cosines)


rng = np.random.default_rng(0)
turn = rng.uniform(-np.pi, np.pi, size=(2000, 1))
angles = turn * [1, 2, -1] + rng.normal(0, 0.1, (2000, 3))
angles = np.angle(np.exp(1j * angles))
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
