"""
Two levels
==========

Codes of a VAE are not distributed quite like its prior. A second VAE of the
codes learns how they are: draw from it, and decode twice (Dai, Wipf, 2019).
"""

from matplotlib.figure import Figure

import keras_ae

(x, _), _ = keras_ae.datasets.load("digits")
likelihood = {"gaussian": {"scale": 0.1}}
first = keras_ae.VAE.create((8, 8, 1), 8, likelihood=likelihood, seed=0)
first.compile("adam")
first.fit(x, epochs=60, verbose=0)

codes = first.encode(x).sample(seed=(0, 0)).numpy()
second = keras_ae.VAE.create(8, 8, hidden=(128, 128), seed=0)
second.compile("adam")
second.fit(codes, epochs=60, verbose=0)

# %%
# Drawn from the prior of the first:

figure = keras_ae.plots.samples(first, 32, seed=1)

# %%
# Drawn from the second and decoded by the first:

drawn = second.decode(second.p_z().sample(32, seed=(1, 1)))
images = first.decode(drawn.sample(seed=(2, 2))).mean().numpy()

both = Figure(figsize=(6, 3.2))
for ax, image in zip(both.subplots(4, 8).flat, images, strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()
