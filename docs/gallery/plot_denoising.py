"""
Denoising
=========

The model sees a corrupted image and has to give the clean one; the noise is
fresh at every step. It then takes noise off images that it never saw.
"""

import numpy as np
from matplotlib.figure import Figure

import keras_ae

(x, _), (x_test, _) = keras_ae.datasets.load("digits")
noise = keras_ae.corruptions.GaussianNoise(0.3)
model = keras_ae.DenoisingAutoencoder.create(
    (8, 8, 1), latent_dim=64, corruption=noise, seed=0
)
model.compile("adam")
model.fit(x, epochs=40, verbose=0)

noisy = noise.corrupt(x_test, seed=(0, 0)).numpy()
clean = model.predict(noisy)
for name, images in {"noisy": noisy, "denoised": clean}.items():
    print(name, f"{np.mean((images - x_test) ** 2):.4f}")

# %%
# Originals, what the model was shown, what it made of that:

figure = Figure(figsize=(8, 2.4))
rows = figure.subplots(3, 10)
for axes, images in zip(rows, (x_test, noisy, clean), strict=True):
    for ax, image in zip(axes, images, strict=False):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
