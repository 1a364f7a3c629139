"""
In a pipeline
=============

Codes as features for a classifier, in scikit-learn: few labels, many rows.
"""

from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import keras_ae

(x, y), (x_test, y_test) = keras_ae.datasets.load("digits")
x, x_test = x.reshape(-1, 64), x_test.reshape(-1, 64)
codes = keras_ae.sklearn.AutoencoderTransformer(latent_dim=10, steps=500).fit(x)

# %%
# Accuracy on unseen digits by the number of labels:

numbers = (20, 50, 100, 500)
accuracy = {"pixels": [], "codes": []}
for n in numbers:
    plain = LogisticRegression(max_iter=1000).fit(x[:n], y[:n])
    accuracy["pixels"].append(plain.score(x_test, y_test))
    coded = LogisticRegression(max_iter=1000).fit(codes.transform(x[:n]), y[:n])
    whole = make_pipeline(codes, coded)
    accuracy["codes"].append(whole.score(x_test, y_test))

figure = Figure(figsize=(5, 3.5))
ax = figure.subplots()
for name, values in accuracy.items():
    ax.plot(numbers, values, "o-", label=name)
ax.set(xlabel="labels", ylabel="accuracy", xscale="log")
ax.legend()
