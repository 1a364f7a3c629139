"""Topics of texts, and how well a half of a text tells the other.

`python -m benchmarks.topics`. 20 Newsgroups, 3,072 words. A VAE on
`spaces.Counts` with a multinomial likelihood, and scikit-learn's latent
Dirichlet allocation. Both infer a code from one half of the words of each test
document; the perplexity is that of the other half. Single coordinates of a
VAE's code are no topics: they are what its decoder says at the centers of
groups of codes. First words of a topic are those that tell it most from all
documents.

Formula:
    perplexity = exp(-sum(x2 * log p(word | code of x1)) / sum(x2))
    order of words = p(word | topic) * log(p(word | topic) / p(word))

Reference: Bouma, 2009. Normalized (Pointwise) Mutual Information in
    Collocation Extraction. GSCL.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np
import scipy.sparse
from sklearn.cluster import KMeans
from sklearn.decomposition import LatentDirichletAllocation

import keras_ae
from benchmarks import common
from keras_ae.core import markdown

FILE = Path(os.environ.get("KERAS_AE_DATA", ".")) / "20ng_etm.npz"
TOPICS = 50
LATENT = 50
HIDDEN = (256,)
BATCH = 128
EPOCHS = 15
WARMUP = 0.5  # of the training, while the weight of the KL term rises to 1
PASSES = 10  # of latent Dirichlet allocation
TOP = 10  # words of a topic that are read


def load() -> tuple[dict[str, scipy.sparse.csr_array], np.ndarray]:
    """Counts of words `[N, 3072]`: `tr`, and halves `ts_h1` and `ts_h2` of
    each test document; and the words."""
    with np.load(FILE) as file:
        words = file["vocab"]
        parts = {}
        for name in ("tr", "ts_h1", "ts_h2"):
            fields = (
                file[f"{name}_{field}"]
                for field in ("counts", "indices", "indptr")
            )
            counts, indices, indptr = fields
            parts[name] = scipy.sparse.csr_array(
                (counts.astype("float32"), indices.astype("int32"), indptr),
                shape=(len(indptr) - 1, len(words)),
            )
    return parts, words


def perplexity(shares: np.ndarray, counts: scipy.sparse.csr_array) -> float:
    """Of counts under shares of words, both `[N, words]`."""
    total = counts.multiply(np.log(shares)).sum()
    return float(np.exp(-total / counts.sum()))


def npmi(top: np.ndarray, counts: scipy.sparse.csr_array) -> np.ndarray:
    """Mean normalized pointwise mutual information of the pairs of a topic's
    words, `[topics]`, in [-1, 1]: how often they share a document.

    Args:
        top: Indices of words, `[topics, n]`.
        counts: Documents.
    """
    seen = (counts > 0).astype("float64")
    found = []
    for words in top:
        own = seen[:, words]
        joint = (own.T @ own).toarray() / counts.shape[0]
        single = np.diag(joint)
        pairs = np.triu_indices(len(words), 1)
        both = joint[pairs]
        apart = np.outer(single, single)[pairs]
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.log(both / apart) / -np.log(both)
        found.append(np.where(both > 0, value, -1).mean())
    return np.array(found)


def judged(topics: np.ndarray, train, words: np.ndarray) -> dict:
    """Coherence and variety of topics, shares of words `[topics, words]`."""
    background = train.sum(axis=0) / train.sum()
    order = np.argsort(-topics * np.log(topics / background), axis=1)
    coherence = npmi(order[:, :TOP], train)
    return {
        "NPMI": float(coherence.mean()),
        "diversity": len(np.unique(order[:, :25])) / order[:, :25].size,
        "topics": {
            " ".join(words[line]): float(value)
            for line, value in sorted(
                zip(order[:, :TOP], coherence, strict=True),
                key=lambda pair: -pair[1],
            )
        },
    }


def trained(parts: dict, words: np.ndarray, seed: int) -> dict:
    """What a VAE finds."""
    train = parts["tr"]
    space = keras_ae.spaces.Counts.from_counts(train)
    model = keras_ae.VAE.create(
        space, LATENT, hidden=HIDDEN, likelihood="multinomial", seed=seed
    )
    # The decoder starts from the frequencies of the words.
    model.decoder.adapt(train[:1000].toarray())
    steps = int(WARMUP * EPOCHS * train.shape[0] / BATCH)
    warm = keras_ae.schedules.Linear(0.0, 1.0, steps)
    model.compile(keras.optimizers.Adam(1e-3), loss_weights={"kl": warm})
    model.fit(train, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    means = model.reconstruct(parts["ts_h1"])
    shares = means / means.sum(axis=1, keepdims=True)
    groups = KMeans(TOPICS, n_init=3, random_state=seed)
    centers = groups.fit(model.embed(train)).cluster_centers_
    topics = model.decode(centers).mean().numpy() / space.total
    found = {"perplexity": perplexity(shares, parts["ts_h2"])}
    return found | judged(topics, train, words)


def allocation(parts: dict, words: np.ndarray, seed: int) -> dict:
    """What latent Dirichlet allocation finds."""
    lda = LatentDirichletAllocation(TOPICS, max_iter=PASSES, random_state=seed)
    lda.fit(parts["tr"])
    topics = lda.components_ / lda.components_.sum(axis=1, keepdims=True)
    shares = lda.transform(parts["ts_h1"]) @ topics
    found = {"perplexity": perplexity(shares, parts["ts_h2"])}
    return found | judged(topics, parts["tr"], words)


def table(found: dict) -> str:
    """One row for each method, in Markdown."""
    rows = []
    for name, runs in found.items():
        row = [name, str(len(runs))]
        for key, digits in (("perplexity", 1), ("NPMI", 3), ("diversity", 2)):
            values = [run[key] for run in runs if key in run]
            text = f"{np.mean(values):.{digits}f}" if values else ""
            if len(values) > 1:
                text += f" +- {np.std(values):.{digits}f}"
            row.append(text)
        rows.append(row)
    head = ["model", "seeds", "perplexity", "NPMI", "diversity"]
    return markdown.table(head, rows)


def main() -> None:
    """Train, complete, print tables, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    start = time.process_time()
    parts, words = load()
    train = parts["tr"].sum(axis=0)
    unigram = np.tile(train / train.sum(), (parts["ts_h2"].shape[0], 1))
    found: dict = {
        "unigram": [{"perplexity": perplexity(unigram, parts["ts_h2"])}]
    }
    for name, function in (("LDA", allocation), ("VAE", trained)):
        found[name] = []
        for seed in range(arguments.seeds):
            clock = time.process_time()
            run = function(parts, words, seed)
            run["cpu_seconds"] = round(time.process_time() - clock)
            found[name].append(run)
            print(name, seed, run, file=sys.stderr, flush=True)
    for name, runs in found.items():
        for topic, value in runs[0].get("topics", {}).items():
            print(f"{name} {value:6.3f}  {topic}")
    print(table(found))
    common.write(
        "topics",
        {
            "what": f"20 Newsgroups, {TOPICS} topics; perplexity of one half "
            "of each test document from the other",
            "cpu_seconds": round(time.process_time() - start),
            "results": found,
        },
    )


if __name__ == "__main__":
    main()
