"""Samples of an autoencoder with a density of its codes, and of a VAE.

`python -m benchmarks.frechet [--epochs 20] [--seeds 3] [--rows 60000]`. Both
have the same network and likelihood. The plain autoencoder is sampled from a
mixture of Gaussians fitted to its training codes afterwards, the VAE from its
prior. Samples are compared with the test images by the Frechet distance
between normal distributions of features, those of the last hidden layer of a
classifier that is trained here.

References:
    Heusel et al., 2017. GANs Trained by a Two Time-Scale Update Rule
        Converge to a Local Nash Equilibrium. https://arxiv.org/abs/1706.08500
    Ghosh et al., 2020. From Variational to Deterministic Autoencoders.
        https://arxiv.org/abs/1903.12436
"""

import argparse
import sys
import time

import keras
import numpy as np

import keras_ae
from benchmarks import common
from keras_ae.analysis import frechet
from keras_ae.core import markdown
from keras_ae.zoo import datasets
from keras_ae.zoo import reproduction

FEATURES = 64
LATENT = 16
HIDDEN = (512, 256)
COMPONENTS = 10
BATCH = 128


def classifier(train: tuple, test: tuple, epochs: int) -> tuple:
    """Features of images, as a function, and the test accuracy in percent."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    features = keras.Sequential(
        [
            layers.Conv2D(32, 3, strides=2, activation="gelu"),
            layers.Conv2D(64, 3, strides=2, activation="gelu"),
            layers.Flatten(),
            layers.Dense(FEATURES, activation="gelu"),
        ]
    )
    model = keras.Sequential([features, layers.Dense(10)])
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(*train, batch_size=BATCH, epochs=epochs, verbose=0)
    _, accuracy = model.evaluate(*test, batch_size=500, verbose=0)

    def extract(x):
        return features.predict(x, batch_size=500, verbose=0)

    return extract, 100 * accuracy


def trained(variant: str, x, epochs: int, seed: int):
    """A model of the network that both contestants have."""
    model = keras_ae.create(
        variant,
        x.shape[1:],
        LATENT,
        hidden=HIDDEN,
        likelihood="bernoulli",
        seed=seed,
    )
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=0)
    return model


def contest(x, x_test, distance, epochs: int, seed: int) -> dict[str, float]:
    """Distances of samples and reconstructions to the test images."""
    count = len(x_test)
    plain = trained("autoencoder", x, epochs, seed)
    vae = trained("vae", x, epochs, seed)
    keras_ae.fit_sampler(plain, x, seed=seed, components=COMPONENTS)
    images = {
        "mixture": plain.sample(count, seed=seed),
        "prior": vae.sample(count, seed=seed),
        "autoencoder, reconstructions": plain.reconstruct(x_test),
        "vae, reconstructions": vae.reconstruct(x_test),
    }
    found = {name: distance(rows) for name, rows in images.items()}
    found["difference"] = found["mixture"] - found["prior"]
    print(f"seed {seed}: {found}", file=sys.stderr, flush=True)
    return found


def summary(values: list[float]) -> dict:
    """Mean over seeds with its standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return {
        "mean": round(float(np.mean(values)), 4),
        "standard_error": round(float(error), 4),
        "seeds": [round(v, 4) for v in values],
    }


def main() -> None:
    """Train, sample, compare, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3, help="at least 2")
    parser.add_argument(
        "--rows", type=int, default=60_000, help="training images"
    )
    arguments = parser.parse_args()
    start = time.perf_counter()
    (x, y), (x_test, y_test) = datasets.load("mnist")
    x, y = x[: arguments.rows], y[: arguments.rows]
    features, accuracy = classifier(
        (x, y), (x_test, y_test), min(arguments.epochs, 5)
    )
    target = features(x_test)

    def distance(rows) -> float:
        return frechet.distance(features(rows), target)

    seeds = [
        contest(x, x_test, distance, arguments.epochs, seed)
        for seed in range(arguments.seeds)
    ]
    results = {name: summary([s[name] for s in seeds]) for name in seeds[0]}
    floor = distance(x[: len(x_test)])
    lines = [
        [name, f"{r['mean']:.3f}", f"{r['standard_error']:.3f}"]
        for name, r in results.items()
    ]
    head = ["images", "distance", "standard error"]
    print(
        markdown.table(head, [*lines, ["training images", f"{floor:.3f}", ""]])
    )
    common.write(
        "frechet",
        {
            "data": "mnist",
            "network": f"mlp {'-'.join(map(str, HIDDEN))}, code {LATENT}, "
            f"likelihood bernoulli, mixture of {COMPONENTS}",
            "classifier": {
                "accuracy": round(accuracy, 2),
                "features": FEATURES,
            },
            "training_rows": len(x),
            "samples": len(x_test),
            "epochs": arguments.epochs,
            "seeds": arguments.seeds,
            "training_images": round(floor, 4),
            "seconds": round(time.perf_counter() - start),
        }
        | results,
        folder=reproduction.BENCHMARKS,
    )


if __name__ == "__main__":
    main()
