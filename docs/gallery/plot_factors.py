"""
Independent factors
===================

White shapes of which place, size and turn are known. A beta-TCVAE presses the
latents to be independent; a traversal shows what each one does.
"""

import keras_ae

x, factors = keras_ae.datasets.shapes(2000, size=16, seed=0)
x = keras_ae.datasets.binarize(x)
model = keras_ae.BetaTCVAE.create(
    keras_ae.spaces.Image(16, 16, 1, levels=2),
    latent_dim=6,
    hidden=(128, 128),
    beta=4.0,
    examples=len(x),
    seed=0,
)
model.compile("adam")
model.fit(x, epochs=40, verbose=0)
print(keras_ae.evaluation.active_units(model, x), "units are active")

# %%
# A row a unit, from -3 to 3:

figure = keras_ae.plots.traversals(model, x[:1])
