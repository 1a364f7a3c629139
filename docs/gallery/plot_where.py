"""
Where an image is abnormal
==========================

A detector learns from handwritten digits, and is then shown digits with a
scratch. It says which images are damaged, and where: of the denoising error,
one of its scores, `contributions` is a map whose sum is the score.
"""

import numpy as np
from matplotlib.figure import Figure

import keras_ae

(x, _), (x_test, _) = keras_ae.datasets.load("digits")
detector = keras_ae.AnomalyDetector(
    scores="denoising", false_alarm_rate=0.05, steps=1000
).fit(x)

scratched = x_test.copy()
column = np.random.default_rng(0).integers(1, 7, size=len(x_test))
rows = np.arange(len(x_test))
scratched[rows, 2:6, column] = 1 - scratched[rows, 2:6, column]

for name, images in {"whole": x_test, "scratched": scratched}.items():
    print(f"{name}: {np.mean(detector.predict(images) == -1):.0%} alarms")

# %%
# How often the pixel that counts most lies in the scratch:

maps = detector.contributions(scratched)
place = maps[..., 0].reshape(len(maps), -1).argmax(axis=1)
across, down = place % 8, place // 8
hit = (across == column) & (down >= 2) & (down < 6)
print(f"{hit.mean():.0%}; {4 / 64:.0%} by chance")

# %%
# Images above, their maps below:

figure = Figure(figsize=(8, 3))
for i, (above, below) in enumerate(figure.subplots(2, 6).T):
    above.imshow(scratched[i, ..., 0], cmap="gray", vmin=0, vmax=1)
    above.set_title(f"p = {detector.p_value(scratched[i : i + 1])[0]:.3f}")
    below.imshow(maps[i, ..., 0], cmap="magma", vmin=0, vmax=0.5)
    for ax in (above, below):
        ax.set_axis_off()
