"""Training speed: the package's defaults against other ways to train.

`python -m benchmarks.training [dense] [conv] [iwae] [--rounds 5] [--passes 3]`.
Each model is trained by every contestant in turn, several rounds in one run; a
figure is the median of the ratios within a round. Contestants whose package is
not installed are left out.
"""

import argparse
import importlib.util

import keras

import keras_ae
from benchmarks import common
from benchmarks import handwritten
from keras_ae.core import markdown


def compiled(name: str, rows, **options):
    """A model after `compile("adam")`, nothing else set, and its rows."""
    shape = (28, 28, 1) if options.get("network") == "strided" else (784,)
    model = keras_ae.create(
        name, shape, likelihood="bernoulli", seed=0, **options
    )
    model.compile("adam")
    return model, rows.reshape(-1, *shape)


def ours(name: str, rows, **options):
    """`fit(x, batch_size=128)` of such a model."""
    model, rows = compiled(name, rows, **options)
    return lambda: model.fit(
        rows,
        batch_size=handwritten.BATCH,
        epochs=handwritten.PASSES,
        verbose=0,
    )


def dense(rows) -> dict:
    """784-512-20-512-784, Bernoulli likelihood."""
    variables, encode, decode = handwritten.dense_network()
    loss = handwritten.vae_loss(encode, decode)
    contestants = {
        "keras_ae": ours("vae", rows, latent_dim=20, hidden=(512,)),
        "hand-written XLA loop": handwritten.tensorflow_loop(
            rows, variables, loss, jit=True
        ),
        "stock Keras": handwritten.stock_keras(rows, "dense"),
    }
    others = {
        "torch": ("plain PyTorch", handwritten.torch_loop),
        "pythae": ("Pythae", handwritten.pythae_epoch),
        "optax": ("JAX, Python loop", handwritten.jax_loop),
    }
    for package, (name, make) in others.items():
        if importlib.util.find_spec(package):
            contestants[name] = make(rows)
    return contestants


def conv(rows) -> dict:
    """Two convolutions and their transposes. A hand-written XLA loop is left
    out: on two cores one run of it took about ten times a graph's."""
    rows = rows[:4992]
    variables, encode, decode = handwritten.conv_network()
    loss = handwritten.vae_loss(encode, decode)
    return {
        "keras_ae": ours("vae", rows, latent_dim=20, network="strided"),
        "stock Keras": handwritten.stock_keras(rows, "conv"),
        "hand-written graph loop": handwritten.tensorflow_loop(
            rows, variables, loss, jit=False
        ),
    }


def iwae(rows) -> dict:
    """784-200-50-200-784 with 50 importance samples."""
    rows = rows[:4992]
    variables, encode, decode = handwritten.dense_network(200, 50)
    loss = handwritten.iwae_loss(encode, decode, 50)
    return {
        "keras_ae": ours(
            "iwae", rows, latent_dim=50, hidden=(200,), samples=50
        ),
        "hand-written XLA loop": handwritten.tensorflow_loop(
            rows, variables, loss, jit=True
        ),
    }


MODELS = {"dense": dense, "conv": conv, "iwae": iwae}


def main() -> None:
    """Run, print a table for each model, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=handwritten.PASSES)
    arguments = parser.parse_args()
    usual = arguments.passes == handwritten.PASSES
    handwritten.PASSES = arguments.passes
    keras.utils.set_random_seed(0)
    (rows, _), _ = keras_ae.datasets.load("mnist")
    rows = rows[: 60000 // 4992 * 4992].reshape(-1, 784)
    results = common.read("training")
    for name in arguments.models:
        seconds = common.alternate(MODELS[name](rows), arguments.rounds)
        ratios = {
            other: round(common.ratio(seconds, "keras_ae", other), 3)
            for other in seconds
        }
        key = name if usual else f"{name}-{arguments.passes}"
        results[key] = {
            "seconds": seconds,
            "speed of keras_ae relative to": ratios,
        }
        print(f"\n{name}: {MODELS[name].__doc__}\n")
        print(
            markdown.table(
                ["contestant", "median seconds", "keras_ae is faster by"],
                [
                    [other, f"{median:.3f}", f"{ratios[other]:.2f}"]
                    for other, median in common.medians(seconds).items()
                ],
            ),
            flush=True,
        )
        common.write("training", results)


if __name__ == "__main__":
    main()
