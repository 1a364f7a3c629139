"""`keras-ae demo`: everything once, on images that come with scikit-learn."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_ae.analysis import plots
from keras_ae.core import registry
from keras_ae.core.types import Rows
from keras_ae.model.base import BaseAutoencoder
from keras_ae.zoo import datasets
from keras_ae.zoo import store

EPOCHS = 40

# Serves one request, in a process of its own and without keras_ae.
SERVER = """
import sys
import numpy as np
import tensorflow as tf
model, request, answer = sys.argv[1:]
served = tf.saved_model.load(model)
x = tf.constant(np.load(request))
np.save(answer, served.signatures["reconstruct"](x=x)["reconstruction"])
"""


def run(out: str | Path) -> dict[str, float]:
    """Load, reconstruct, generate, train, export, serve; draw a picture.

    Args:
        out: Picture to write.

    Returns:
        Figures that the printed lines hold.
    """
    start = time.monotonic()
    (x, _), (x_test, _) = datasets.load("digits")
    names = ["vae_digits", *store.list_presets("vae_mnist")]
    pretrained = {name: store.load(name) for name in names}
    _line("loaded", f"pretrained {' and '.join(names)}")

    errors = pretrained["vae_digits"].predict(x_test) - x_test
    explained = 1 - np.mean(errors**2) / np.mean((x_test - x.mean(axis=0)) ** 2)
    _line(
        "reconstructed",
        f"{len(x_test)} unseen digits; codes of 8 numbers keep "
        f"{explained:.0%} of the variance",
    )

    model = registry.create(
        "vae",
        x.shape[1:],
        latent_dim=8,
        hidden=(128,),
        likelihood={"gaussian": {"scale": 0.2}},
        seed=0,
    )
    model.compile("adam")
    before, after, seconds = _train(model, x, x_test)
    _line(
        "trained",
        f"a new VAE, {EPOCHS} epochs in {seconds:.0f} s; loss on unseen digits "
        f"{before:.1f} -> {after:.1f} nats",
    )
    difference = float(
        np.abs(_serve(model, x_test) - model.predict(x_test)).max()
    )
    _line(
        "served",
        "its SavedModel by TensorFlow alone; largest difference "
        f"{difference:.1g}",
    )
    shown = pretrained | {f"trained for {EPOCHS} epochs": model}
    plots.save(_picture(shown, x_test[:12]), out)
    _line("drawn", str(out))
    _line("done", f"in {time.monotonic() - start:.0f} s")
    return {
        "explained": float(explained),
        "before": before,
        "after": after,
        "difference": difference,
    }


def _line(what: str, text: str) -> None:
    print(f"{what:<15}{text}", flush=True)


def _train(
    model: BaseAutoencoder, x: Rows, x_test: Rows
) -> tuple[float, float, float]:
    """Loss on unseen rows before and after a short training; its seconds."""
    before = model.evaluate(x_test, verbose=0, return_dict=True)["loss"]
    start = time.monotonic()
    model.fit(x, batch_size=32, epochs=EPOCHS, verbose=0)
    seconds = time.monotonic() - start
    after = model.evaluate(x_test, verbose=0, return_dict=True)["loss"]
    return before, after, seconds


def _serve(model: BaseAutoencoder, x: np.ndarray) -> np.ndarray:
    """What the exported model answers to `x` in another process."""
    with tempfile.TemporaryDirectory() as folder:
        served, request, answer = (
            str(Path(folder, name)) for name in ("model", "x.npy", "y.npy")
        )
        model.export(served)
        np.save(request, x)
        process = subprocess.run(
            [sys.executable, "-c", SERVER, served, request, answer],
            capture_output=True,
            text=True,
        )
        if process.returncode:
            raise OSError(f"The serving process failed:\n{process.stderr}")
        return np.load(answer)


def _picture(models: dict[str, Any], x: np.ndarray) -> Figure:
    """Reconstructions by the first model above samples of each one."""
    figure = Figure(figsize=(9, 5), dpi=120, layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(2, 3))
    ax = top.subplots()
    name, model = next(iter(models.items()))
    plots.reconstructions(model, x, ax=ax)
    ax.set_title(f"{name}: unseen digits and their reconstructions")
    for ax, (name, model) in zip(
        bottom.subplots(1, len(models)), models.items(), strict=True
    ):
        plots.samples(model, 16, seed=0, ax=ax)
        ax.set_title(f"{name}: new digits")
    return figure
