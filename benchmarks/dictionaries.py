"""Which sparse dictionaries find the directions that data are made of.

`python -m benchmarks.dictionaries [--seeds 5]`, 25 minutes of one core. Sums
of few of 1,024 known directions in 128 dimensions, two thirds of which hang in
trees (`datasets.superposition`): SynthSAEBench with a sixteenth of the
directions and a sixth of the dimensions, without its correlations. Every
dictionary has 256 units, of which four are in use on average, and the same
steps; where a penalty says how many are in use, its strength is searched with
data of a seed of its own. Then each is judged on rows that were held out, with
other directions for each seed.

Reference: Chanin, Garriga-Alonso, 2026. SynthSAEBench: Evaluating Sparse
    Autoencoders on Scalable Realistic Synthetic Data.
    https://arxiv.org/abs/2602.14687
"""

import argparse
import sys
import time

import keras
import numpy as np

import keras_ae
from benchmarks import common
from keras_ae.analysis import dictionaries
from keras_ae.core import markdown
from keras_ae.zoo import datasets

SIZE, DIRECTIONS, TREES, ACTIVE = 128, 1024, 8, 16.0
UNITS, USED = 256, 4
ROWS, HELD_OUT = 100_000, 20_000
BATCH, RATE = 512, 2e-3
SEARCHED = 100  # the seed of the searches
BATCH_TOP_K = {"sparsity": {"batch_top_k": {"k": USED}}}
#: Settings; those without a number of units get a strength by search.
KINDS = {
    "Matryoshka": BATCH_TOP_K | {"nested": (8, 32, 128)},
    "BatchTopK": BATCH_TOP_K,
    "JumpReLU": {
        "sparsity": {"jump_relu": {"threshold": 0.3, "bandwidth": 0.3}}
    },
    "L1": {"sparsity": "l1", "posterior": {"point": {"activation": "relu"}}},
}
#: F1, MCC of the reference, at 25 units in use.
PUBLISHED = {
    "Matryoshka": ".879, .793",
    "BatchTopK": ".732, .757",
    "JumpReLU": ".732, .753",
    "L1": ".556, .604",
}


def data(seed: int) -> datasets.Superposition:
    """Rows of known directions, the last `HELD_OUT` to be judged on."""
    return datasets.superposition(
        ROWS + HELD_OUT, SIZE, DIRECTIONS, ACTIVE, trees=TREES, seed=seed
    )


def judged(settings: dict, made, epochs: int, seed: int) -> dict:
    """Train a dictionary, and compare it with what made the data."""
    model = keras_ae.SparseDictionary.create(
        SIZE,
        UNITS,
        likelihood={"gaussian": {"scale": 1.0}},
        seed=seed,
        patience=200,
        **settings,
    )
    steps = epochs * -(-ROWS // BATCH)
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(RATE, steps)
        )
    )
    model.fit(made.x[:ROWS], batch_size=BATCH, epochs=epochs, verbose=0)
    x = made.x[ROWS:]
    codes = model.embed(x)
    error = np.square(x - model.reconstruct(x)).sum()
    return dictionaries.recovery(
        model.decoder.projection.kernel,
        made.directions,
        codes,
        made.codes[ROWS:],
    ) | {
        "explained": float(1 - error / np.square(x - x.mean(axis=0)).sum()),
        "used": float(np.count_nonzero(codes) / len(x)),
    }


def searched(settings: dict, made, epochs: int) -> list[dict]:
    """Strengths that were tried, the last one the closest to `USED` units:
    the logarithm of the number falls about as that of the strength rises."""
    tried, low, high = [], 0.02, 5.0
    for _ in range(6):
        strength = float(np.sqrt(low * high))
        found = judged(
            settings | {"strength": strength}, made, epochs, SEARCHED
        )
        tried.append({"strength": strength} | found)
        print(tried[-1], file=sys.stderr, flush=True)
        if found["used"] > USED:
            low = strength
        else:
            high = strength
    return sorted(tried, key=lambda t: -abs(np.log(t["used"] / USED)))


def spread(result: dict, key: str) -> str:
    """Mean and deviation of a figure over the seeds."""
    values = [run[key] for run in result["seeds"]]
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def section(found: dict) -> list[list[str]]:
    """For `benchmarks.report_data`."""
    return [
        [
            f"sums of {DIRECTIONS:,} known directions in {SIZE} dimensions, "
            f"{UNITS} units, {name}",
            "F1, MCC of what is found",
            f"{spread(result, 'f1')}, {spread(result, 'mcc')}",
            "",
            f"{PUBLISHED[name]} of 16,384 directions, 4,096 units",
        ]
        for name, result in found["results"].items()
    ]


def main() -> None:
    """Search, judge, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    start = time.process_time()
    results: dict[str, dict] = {name: {"seeds": []} for name in KINDS}
    chosen = dict(KINDS)
    made = data(SEARCHED)
    for name in ("JumpReLU", "L1"):
        tried = searched(KINDS[name], made, arguments.epochs)
        results[name]["tried"] = tried
        chosen[name] = KINDS[name] | {"strength": tried[-1]["strength"]}
    for seed in range(arguments.seeds):
        made = data(seed)
        for name, settings in chosen.items():
            found = judged(settings, made, arguments.epochs, seed)
            print(name, seed, found, file=sys.stderr, flush=True)
            results[name]["seeds"].append(found)
    figures = list(results["L1"]["seeds"][0])
    rows = [
        [name, *(spread(result, figure) for figure in figures)]
        for name, result in results.items()
    ]
    print(markdown.table(["dictionary", *figures], rows))
    common.write(
        "dictionaries",
        {
            "what": f"{UNITS} units, {USED} in use, {DIRECTIONS} directions in "
            f"{SIZE} dimensions, {arguments.epochs} epochs of {ROWS} rows",
            "cpu_seconds": round(time.process_time() - start),
            "results": results,
        },
    )


if __name__ == "__main__":
    main()
