"""
VQ-VAE
======

A code of four symbols out of 64: 24 bits an image. Codes are vectors of a
table; how many of them are in use says the perplexity.
"""

import keras_ae

(x, _), (x_test, _) = keras_ae.datasets.load("digits")
codebook = keras_ae.codebooks.EMACodebook(64)
model = keras_ae.VQVAE.create(
    (8, 8, 1), latent_dim=(4, 8), codebook=codebook, seed=0
)
model.compile("adam")
model.fit(x, epochs=60, verbose=0)
print(model.evaluate(x_test, verbose=0, return_dict=True))

# %%
# The symbols of three digits, and what is made of twelve:

print(model.codes(x_test[:3]))
figure = keras_ae.plots.reconstructions(model, x_test[:12])
