"""
Abnormal heartbeats
===================

Beats of one lead, aligned, some with a wide complex and a turned T wave: the
TensorFlow tutorial on ECG, on beats that are made here. The detector learns
from normal ones alone, and calls at most a twentieth of them abnormal.
"""

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

import keras_ae

rng = np.random.default_rng(0)
time = np.linspace(0, 1, 100)


def beats(n, width, t_wave):
    """`[n, 100]`: P wave, QRS complex, T wave, wander and noise."""
    parts = [(0.2, 0.03, 0.2), (0.45, width, 1.2), (0.75, 0.06, t_wave)]
    shift = rng.normal(0, 0.01, (n, 1))
    size = rng.normal(1, 0.1, (n, 3, 1))
    waves = [
        size[:, i] * height * np.exp(-(((time - at - shift) / wide) ** 2) / 2)
        for i, (at, wide, height) in enumerate(parts)
    ]
    wander = rng.normal(0, 0.1, (n, 1)) * np.sin(2 * np.pi * time)
    return sum(waves) + wander + rng.normal(0, 0.03, (n, 100))


normal, new = beats(1500, 0.02, 0.35), beats(300, 0.02, 0.35)
abnormal = beats(100, 0.03, -0.1)

detector = keras_ae.AnomalyDetector(steps=300).fit(normal)
scores = [detector.anomaly_score(part) for part in (new, abnormal)]
truth = np.repeat([0, 1], [300, 100])
print(f"AUROC {roc_auc_score(truth, np.concatenate(scores)):.3f}")
print(f"false alarms {np.mean(detector.predict(new) == -1):.1%}")

# %%
# Left a normal beat, right an abnormal one; colors say which points of it
# tell the detector:

figure = Figure(figsize=(8, 3))
for ax, beat in zip(
    figure.subplots(1, 2, sharey=True), (new[:1], abnormal[:1]), strict=True
):
    parts = detector.contributions(beat)[0]
    ax.plot(time, beat[0], color="0.7")
    drawn = ax.scatter(
        time, beat[0], c=parts, cmap="plasma", vmin=0, vmax=2, s=12
    )
    ax.set_title(f"p = {detector.p_value(beat)[0]:.3f}")
    ax.set_xlabel("time")
figure.colorbar(drawn, ax=figure.axes, label="share of the error")
