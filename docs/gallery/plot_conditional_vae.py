"""
Conditional VAE
===============

Told the class, the code holds what the class does not say: the hand. The same
code under another class is another digit, written alike.
"""

import numpy as np
from matplotlib.figure import Figure

import keras_ae

(x, y), (x_test, y_test) = keras_ae.datasets.load("digits")
model = keras_ae.ConditionalVAE.create(
    (8, 8, 1), latent_dim=4, condition=10, seed=0
)
model.compile("adam")
model.fit((x, y), epochs=60, verbose=0)

# %%
# Six threes on the left, and each as it would be as another digit:

threes = x_test[y_test == 3][:6]
others = [model.swap(threes, 3, digit) for digit in range(10)]
table = np.stack([threes, *others], axis=1)  # [6, 11, 8, 8, 1]

figure = Figure(figsize=(8, 4.5))
for axes, row in zip(figure.subplots(6, 11), table, strict=True):
    for ax, image in zip(axes, row, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
