"""
Masked autoencoder
==================

Hide half of an image in patches and let a transformer fill them in. A
corruption of your own is one class with one method.
"""

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import keras_ae
from keras_ae.math import draws


@keras_ae.register("patches")
class Patches(keras_ae.corruptions.BaseCorruption):
    """Sets patches of 2x2 pixels to zero, each with probability 1/2."""

    def corrupt(self, x, seed):
        u = draws.uniform(tf.shape(x[:, ::2, ::2]), seed)
        kept = tf.cast(u < 0.5, tf.float32)
        return x * tf.repeat(tf.repeat(kept, 2, axis=1), 2, axis=2)


(x, _), (x_test, _) = keras_ae.datasets.load("digits")
model = keras_ae.DenoisingAutoencoder.create(
    (8, 8, 1),
    latent_dim=64,
    corruption="patches",
    network="transformer",
    hidden=(32,),
    seed=0,
)
model.compile("adam")
model.fit(x, epochs=12, verbose=0)

# %%
# Whole images, what the model was shown, what it filled in:

masked = model.corruption.corrupt(x_test[:10], seed=(0, 0)).numpy()
filled = model.predict(masked)
print(f"squared error {np.mean((filled - x_test[:10]) ** 2):.4f}")

figure = Figure(figsize=(8, 2.4))
shown = (x_test[:10], masked, filled)
for axes, images in zip(figure.subplots(3, 10), shown, strict=True):
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
