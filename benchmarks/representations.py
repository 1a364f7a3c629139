"""What a code is worth to a linear classifier.

`python -m benchmarks.representations`. One sigmoid layer of 1,000 units on
MNIST, trained plain, denoising, contractive and masked; then a linear
classifier on the frozen code. Settings are chosen by the accuracy on training
rows that were held out, with a seed of its own; then five other seeds are
tested once on the test images.
"""

import argparse
import sys
import time

import keras
import numpy as np
from sklearn.linear_model import RidgeClassifier

import keras_ae
from benchmarks import common
from keras_ae.core import markdown
from keras_ae.zoo import datasets

UNITS = 1000
BATCH = 100
PENALTIES = (
    0.001,
    0.01,
    0.1,
    1.0,
    10.0,
)  # of the classifier, chosen on held-out rows
#: Family -> variant, settings to choose from
FAMILIES = {
    "plain": ("autoencoder", [{}]),
    "denoising": (
        "denoising",
        [
            {"corruption": {"masking": {"rate": 0.25}}},
            {"corruption": {"masking": {"rate": 0.5}}},
            {"corruption": {"gaussian_noise": {"stddev": 0.5}}},
        ],
    ),
    "contractive": (
        "contractive",
        [{"strength": 0.2}, {"strength": 0.5}, {"strength": 1.0}],
    ),
    "masked": ("masked", [{"rate": 0.25}, {"rate": 0.5}, {"rate": 0.75}]),
}


def code(variant: str, settings: dict, x, epochs: int, seed: int):
    """A trained model's encoder, arrays to codes in double precision."""
    model = keras_ae.create(
        variant,
        x.shape[1:],
        UNITS,
        network="linear",
        posterior={"point": {"activation": "sigmoid"}},
        likelihood="bernoulli",
        seed=seed,
        **settings,
    )
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=0)
    return lambda x: model.embed(x).astype(np.float64)


def accuracy(penalty: float, train: tuple, test: tuple) -> float:
    """Of a least-squares linear classifier."""
    return RidgeClassifier(alpha=penalty).fit(*train).score(*test)


def choose(family: str, train: tuple, held_out: tuple, epochs: int) -> list:
    """Accuracy on held-out rows of each setting, the best first."""
    variant, settings = FAMILIES[family]
    tried = []
    for one in settings:
        embed = code(variant, one, train[0], epochs, seed=100)
        codes = embed(train[0]), embed(held_out[0])
        for penalty in PENALTIES:
            value = accuracy(
                penalty, (codes[0], train[1]), (codes[1], held_out[1])
            )
            tried.append(
                {"settings": one, "penalty": penalty, "held_out": value}
            )
        say(f"{family}: {tried[-len(PENALTIES) :]}")
    return sorted(tried, key=lambda t: -t["held_out"])


def test(family: str, best: dict, train, test, epochs: int, seeds: int) -> dict:
    """Test accuracy over seeds, mean and standard error."""
    values = []
    for seed in range(seeds):
        embed = code(
            FAMILIES[family][0], best["settings"], train[0], epochs, seed
        )
        values.append(
            accuracy(
                best["penalty"],
                (embed(train[0]), train[1]),
                (embed(test[0]), test[1]),
            )
        )
        say(f"{family}, seed {seed}: {values[-1]:.4f}")
    return {
        "accuracy": round(float(np.mean(values)), 5),
        "standard_error": round(
            float(np.std(values, ddof=1) / np.sqrt(seeds)), 5
        ),
        "seeds": [round(v, 4) for v in values],
    }


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Choose, test, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--families", nargs="*", default=[*FAMILIES], choices=FAMILIES
    )
    arguments = parser.parse_args()
    start = time.process_time()
    (x, y), (x_test, y_test) = datasets.load("mnist")
    train = x[: arguments.rows], y[: arguments.rows]
    held_out = x[-10_000:], y[-10_000:]
    kept = common.read("representations")
    results = kept.get("results", {})
    for family in arguments.families:
        tried = choose(family, train, held_out, arguments.epochs)
        results[family] = {
            "chosen": tried[0],
            "tried": tried,
        } | test(
            family,
            tried[0],
            train,
            (x_test, y_test),
            arguments.epochs,
            arguments.seeds,
        )
    rows = [
        [
            family,
            r["chosen"]["settings"],
            f"{100 * (1 - r['accuracy']):.2f} %",
            f"{100 * r['standard_error']:.2f} %",
        ]
        for family, r in results.items()
    ]
    head = ["training", "settings", "test error", "standard error"]
    print(markdown.table(head, rows))
    common.write(
        "representations",
        {
            "what": f"784-{UNITS} sigmoid encoder, frozen; least-squares "
            "linear classifier of the code; MNIST",
            "rows": arguments.rows,
            "epochs": arguments.epochs,
            "cpu_seconds": round(time.process_time() - start)
            + kept.get("cpu_seconds", 0),
            "results": results,
        },
    )


if __name__ == "__main__":
    main()
