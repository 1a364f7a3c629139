"""
Autoencoder
===========

Copy images through a code of 8 numbers: the first Keras tutorial in a few
lines. A code shorter than the input keeps what matters most.
"""

import keras_ae

(x, _), (x_test, _) = keras_ae.datasets.load("digits")
model = keras_ae.Autoencoder.create((8, 8, 1), latent_dim=8, seed=0)
model.compile("adam")
model.fit(x, epochs=30, verbose=0)

# %%
# Unseen digits above, what the decoder makes of their codes below:

figure = keras_ae.plots.reconstructions(model, x_test[:12])

# %%
# How much of the variance is kept?

errors = (model.reconstruct(x_test) - x_test) ** 2
print(f"{1 - errors.mean() / (x_test - x.mean(axis=0)).var():.0%}")
