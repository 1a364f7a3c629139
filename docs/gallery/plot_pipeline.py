"""
In a pipeline
=============

Thirty measurements of a tumour as a code of two numbers, inside a pipeline of
scikit-learn: the folds of a cross-validation share one compiled model, and no
fold sees rows of another.
"""

from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import keras_ae

x, y = load_breast_cancer(return_X_y=True)
codes = keras_ae.sklearn.AutoencoderTransformer(latent_dim=2, steps=500)
linear = make_pipeline(StandardScaler(), PCA(2))
for name, step in {"PCA": linear, "autoencoder": codes}.items():
    pipeline = make_pipeline(step, KNeighborsClassifier())
    print(f"{name}: {cross_val_score(pipeline, x, y).mean():.3f} accuracy")

# %%
# All rows by their codes; labels were not used for them:

z = codes.fit_transform(x)
figure = Figure(figsize=(5, 4))
ax = figure.subplots()
for label, name in enumerate(("malignant", "benign")):
    ax.scatter(*z[y == label].T, s=8, label=name)
ax.set(xlabel="first number", ylabel="second number")
ax.legend()
