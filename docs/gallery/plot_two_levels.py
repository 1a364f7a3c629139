"""
Two levels
==========

Codes of a VAE are not distributed quite like its prior. A second VAE, of the
codes, learns how they are: drawn from it and decoded twice, digits get better
(Dai, Wipf, 2019). It is saved and exported with the model.
"""

import keras_ae

(x, _), _ = keras_ae.datasets.load("digits")
likelihood = {"gaussian": {"scale": 0.1}}
model = keras_ae.VAE.create((8, 8, 1), 8, likelihood=likelihood, seed=0)
model.compile("adam")
model.fit(x, epochs=60, verbose=0)

# %%
# Drawn from the prior:

before = keras_ae.plots.samples(model, 32, seed=1)

# %%
# Drawn from the second VAE:

keras_ae.fit_sampler(model, x, "two_stage", steps=800, hidden=(128, 128))
after = keras_ae.plots.samples(model, 32, seed=1)
