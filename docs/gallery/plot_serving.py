"""
Serve without TensorFlow
========================

One call writes a file, opens it again by its own runtime and compares it with
Python. ONNX Runtime and JAX then answer without TensorFlow.
"""

import sys
import tempfile

import numpy as np
import onnxruntime
from matplotlib.figure import Figure

import keras_ae

model = keras_ae.load("vae_digits")
_, (x, _) = keras_ae.datasets.load("digits")
folder = tempfile.mkdtemp()
written = model.export(f"{folder}/vae.onnx", format="onnx")
model.export(f"{folder}/stablehlo", format="stablehlo")
print(written.endpoints)

session = onnxruntime.InferenceSession(f"{folder}/vae.onnx")
(by_onnx,) = session.run(None, {session.get_inputs()[0].name: x[:10]})

sys.path.insert(0, f"{folder}/stablehlo")
import serve  # noqa: E402  (in the folder; NumPy and JAX alone)

by_jax = serve.load(f"{folder}/stablehlo")["reconstruct"](x=x[:10])
by_jax = np.asarray(by_jax["reconstruction"])
for name, answer in {"ONNX Runtime": by_onnx, "JAX": by_jax}.items():
    difference = np.abs(answer - model.predict(x[:10])).max()
    print(f"{name}: at most {difference:.1e} from Python")

# %%
# Digits, answered by ONNX Runtime and by JAX:

figure = Figure(figsize=(8, 2.4))
shown = (x[:10], by_onnx, by_jax)
for axes, images in zip(figure.subplots(3, 10), shown, strict=True):
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
