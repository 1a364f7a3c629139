"""Tables of bits: the exact likelihood, beside tractable models run here.

`python -m benchmarks.binary_tables [--sets nltcs,jester] [--seeds 0]
[--likelihoods autoregressive_bernoulli,bernoulli]`. The
sets and splits of the density estimation benchmark (folder `debd` of
`KERAS_AE_DATA`); one recipe for all, `RECIPE`, with a normal prior of
deviation 1 on the weights between bits. The validation rows say when to stop.
Nats of a test row: importance-sampled log p(x) with 5,000 draws, which is
below the exact value on average. Beside it the same with bits independent
given the code, independent bits, and a tree (Chow, Liu, 1968), both with one
pseudo-count, fitted on the training rows.
"""

import argparse
import time

import keras
import numpy as np
from scipy import sparse

import keras_ae
from benchmarks import common
from benchmarks.imputation import FOLDER
from keras_ae.core import markdown

RECIPE = {"latent_dim": 32, "hidden": (256, 256), "samples": 10}
BATCH = 100
RATE = 1e-3
STEPS = 100_000  # at most
PATIENCE = 4000  # steps: epochs of small sets are short
SAMPLES = 5000
AUTOREGRESSIVE = "autoregressive_bernoulli"
LIKELIHOODS = (AUTOREGRESSIVE, "bernoulli")
#: Uria, Murray, Larochelle, 2014. A Deep and Tractable Density Estimator.
PUBLISHED = {"mushrooms": "deep NADE -9.68"}
SETS = (
    "nltcs baudio jester accidents mushrooms pumsb_star nips voting moviereview"
)


def load(name: str) -> dict[str, np.ndarray]:
    """The bits of each split, `[N, d]`."""
    with np.load(FOLDER / "debd" / f"{name}.npz") as file:
        width = int(file["d"])
        return {
            part: np.unpackbits(file[part], axis=1)[:, :width].astype("float32")
            for part in ("train", "valid", "test")
        }


def independent(train: np.ndarray, test: np.ndarray) -> float:
    """Mean log p of test rows if no bit knew of another."""
    p = (train.sum(axis=0) + 1) / (len(train) + 2)
    return float(np.mean(test @ np.log(p) + (1 - test) @ np.log(1 - p)))


def tree(train: np.ndarray, test: np.ndarray) -> float:
    """Mean log p of test rows under the best tree: the spanning tree of most
    mutual information."""
    rows, width = train.shape
    joint = np.empty((2, 2, width, width))
    for a in range(2):
        for b in range(2):
            one = train if a else 1 - train
            other = train if b else 1 - train
            joint[a, b] = one.T @ other
    joint = (joint + 0.25) / (rows + 1)
    single = joint.sum(axis=1)  # [2, width, width]: of the first, whatever b
    first = np.stack([np.diagonal(single[a]) for a in range(2)])
    ratio = joint / (first[:, None, :, None] * first[None, :, None, :])
    information = (joint * np.log(ratio)).sum(axis=(0, 1))
    np.fill_diagonal(information, 0)
    edges = sparse.csgraph.minimum_spanning_tree(
        -np.maximum(information, 1e-12)
    )
    order, parents = sparse.csgraph.breadth_first_order(
        edges, 0, directed=False
    )
    bits = test.astype(int)
    total = np.log(first[bits[:, 0], 0])
    for child in order[1:]:
        parent = parents[child]
        pair = joint[:, :, parent, child]
        given = pair / pair.sum(axis=1, keepdims=True)
        total += np.log(given[bits[:, parent], bits[:, child]])
    return float(total.mean())


def trained(splits: dict, likelihood: str, seed: int) -> keras_ae.IWAE:
    """The model of the recipe, at its best epoch on the validation rows."""
    keras.utils.set_random_seed(seed)
    train = splits["train"]
    if likelihood == AUTOREGRESSIVE:
        prior = keras.regularizers.L2(0.5 / len(train))
        likelihood = {AUTOREGRESSIVE: {"kernel_regularizer": prior}}
    model = keras_ae.IWAE.create(
        train.shape[1], likelihood=likelihood, seed=seed, **RECIPE
    )
    model.adapt(train)
    model.compile(keras.optimizers.Adam(RATE))
    epoch = -(-len(train) // BATCH)
    patience = -(-PATIENCE // epoch)
    callbacks = [
        keras.callbacks.ReduceLROnPlateau("val_loss", 0.3, patience // 3),
        keras.callbacks.EarlyStopping(
            "val_loss", patience=patience, restore_best_weights=True
        ),
    ]
    history = model.fit(
        train,
        batch_size=BATCH,
        epochs=-(-STEPS // epoch),
        validation_data=splits["valid"],
        callbacks=callbacks,
        verbose=0,
    )
    print(
        len(history.epoch), "epochs,", min(history.history["val_loss"]), "valid"
    )
    return model


def main() -> None:
    """Run the sets, write the JSON, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=SETS.replace(" ", ","))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--likelihoods", default=",".join(LIKELIHOODS))
    arguments = parser.parse_args()
    results = common.read("binary_tables")
    for name in arguments.sets.split(","):
        splits = load(name)
        train, test = splits["train"], splits["test"]
        row = results.setdefault(name, {})
        row["independent"] = independent(train, test)
        row["tree"] = tree(train, test)
        for likelihood in arguments.likelihoods.split(","):
            for seed in arguments.seeds.split(","):
                start = time.perf_counter()
                model = trained(splits, likelihood, int(seed))
                seconds = time.perf_counter() - start
                nats = keras_ae.evaluation.log_likelihood(model, test, SAMPLES)
                row.setdefault(likelihood, {})[seed] = {
                    "nats": float(nats.mean()),
                    "standard error": float(nats.std() / np.sqrt(len(nats))),
                    "seconds": seconds,
                }
                common.write("binary_tables", results)
        print(name, row, flush=True)
    names = [*LIKELIHOODS, "tree", "independent"]
    rows = [[n, *shown(results[n])] for n in SETS.split() if n in results]
    print(markdown.table(["table", *names], rows))


def shown(row: dict) -> list[str]:
    """Nats of each likelihood, mean over seeds, of the tree, and of bits that
    do not know of each other."""
    found = [
        [seed["nats"] for seed in row.get(name, {}).values()]
        for name in LIKELIHOODS
    ]
    means = [f"{np.mean(nats):.2f}" if nats else "" for nats in found]
    return [*means, f"{row['tree']:.2f}", f"{row['independent']:.2f}"]


if __name__ == "__main__":
    main()
