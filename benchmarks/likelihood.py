"""Speed of the importance-sampled log-likelihood.

`python -m benchmarks.likelihood [--rows 200] [--rounds 5]`: the network of
200 and 200 units and 50 latents, 5,000 samples an example, against the same
estimator written out in TensorFlow and compiled with XLA.
"""

import argparse
import math
import resource

import tensorflow as tf

import keras_ae
from benchmarks import common
from keras_ae.analysis import evaluation
from keras_ae.core import markdown
from keras_ae.zoo import datasets

SAMPLES = 5000
BLOCK = 500


def handwritten(model):
    """The estimator on the model's weights, formulas written out."""
    weights = [tf.convert_to_tensor(w) for w in model.weights[:12]]
    kernels, biases = weights[::2], weights[1::2]

    @tf.function(jit_compile=True, autograph=False)
    def block(x, seed):
        h = tf.reshape(tf.cast(x, tf.float32), [1, 784])
        for i in (0, 1):
            h = tf.tanh(h @ kernels[i] + biases[i])
        mean, raw = tf.split(h @ kernels[2] + biases[2], 2, axis=1)
        stddev = tf.nn.softplus(raw) + 1e-5
        noise = tf.random.stateless_normal([BLOCK, 50], seed, alg="philox")
        z = mean + stddev * noise
        h = z
        for i in (3, 4):
            h = tf.tanh(h @ kernels[i] + biases[i])
        logits = h @ kernels[5] + biases[5]
        labels = tf.broadcast_to(
            tf.reshape(tf.cast(x, tf.float32), [1, 784]), tf.shape(logits)
        )
        bits = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
        log_ratio = 0.5 * (noise**2 - z**2) + tf.math.log(stddev)
        log_weights = tf.reduce_sum(log_ratio, 1) - tf.reduce_sum(bits, 1)
        return tf.reduce_logsumexp(log_weights)

    def run(x):
        for number, row in enumerate(x):
            parts = [
                block(tf.constant(row), tf.constant([number, b]))
                for b in range(SAMPLES // BLOCK)
            ]
            (tf.reduce_logsumexp(tf.stack(parts)) - math.log(SAMPLES)).numpy()

    return run


def main() -> None:
    """Run, print the ratio, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model = keras_ae.VAE.create(
        (28, 28, 1), 50, hidden=(200, 200), activation="tanh", seed=0
    )
    _, (x, _) = datasets.load("mnist")
    x = datasets.binarize(x[: arguments.rows])
    other = handwritten(model)
    runs = {
        "keras_ae": lambda: evaluation.log_likelihood(model, x, SAMPLES),
        "hand-written XLA": lambda: other(x),
    }
    seconds = common.alternate(runs, arguments.rounds)
    ratio = common.ratio(seconds, "keras_ae", "hand-written XLA")
    # Of the whole process, TensorFlow and the data set included.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        markdown.table(
            ["way", "median s"], list(common.medians(seconds).items())
        )
    )
    print(f"\nratio {ratio:.2f}, peak memory of the process {peak:.0f} MB")
    common.write(
        "likelihood",
        {"seconds": seconds, "ratio": ratio, "peak MB": peak}
        | {"rows": arguments.rows},
    )


if __name__ == "__main__":
    main()
