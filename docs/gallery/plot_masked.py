"""
Masked autoencoder
==================

Hide half of an image in patches and let a transformer fill them in. What is
hidden cannot be copied; it has to be understood from the rest.
"""

import keras
import numpy as np
from matplotlib.figure import Figure

import keras_ae

(x, _), (x_test, _) = keras_ae.datasets.load("digits")
model = keras_ae.MaskedAutoencoder.create(
    (8, 8, 1),
    latent_dim=64,
    rate=0.5,
    patch=2,
    network="transformer",
    hidden=(32,),
    seed=0,
)
model.compile(keras.optimizers.Adam(2e-3))
model.fit(x, epochs=25, verbose=0)

# %%
# Whole images, what the model was shown (gray is hidden), what it filled in:

kept = np.random.default_rng(0).random((10, 4, 4, 1)) < 0.5
kept = kept.repeat(2, axis=1).repeat(2, axis=2)
masked = x_test[:10] * kept
filled = np.where(kept, masked, model.predict(masked, verbose=0))
error = np.mean((filled - x_test[:10])[~kept] ** 2)
print(f"squared error of what was hidden {error:.4f}")

figure = Figure(figsize=(8, 2.4))
shown = (x_test[:10], np.where(kept, masked, 0.4), filled)
for axes, images in zip(figure.subplots(3, 10), shown, strict=True):
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
