"""
Variational autoencoder
=======================

A code of two numbers, a prior to draw them from: the plane of all digits, and
new ones. The model of keras.io's VAE example; every term is in nats.
"""

import keras_ae

(x, labels), (x_test, labels_test) = keras_ae.datasets.load("digits")
model = keras_ae.VAE.create((8, 8, 1), latent_dim=2, seed=0)
model.compile("adam")
history = model.fit(x, epochs=60, verbose=0)
print(model.evaluate(x_test, verbose=0, return_dict=True))

# %%
# Where digits that were not trained on lie:

figure = keras_ae.plots.latent_map(model, x_test, labels_test)

# %%
# What the decoder makes of the quantiles of the prior:

grid = keras_ae.plots.manifold(model, n=12)

# %%
# How training went, each term by itself:

curves = keras_ae.plots.history(history)
