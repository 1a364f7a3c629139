"""Training loops without this package: what its defaults are measured by.

Every contestant is a function of the rows that returns `run()`, which trains
three passes over them with Adam at batch 128. The networks are those that
`create` makes: weights in number and shape are equal.
"""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

BATCH = 128
PASSES = 3  # over the rows in one timing: each `fit` copies and checks them
STEPS = 39  # in one compiled call
LATENT = 20


def dense_network(width: int = 512, latent: int = LATENT) -> tuple:
    """784-width-latent-width-784: variables, encoder, decoder."""
    shapes = [(784, width), (width, 2 * latent), (latent, width), (width, 784)]
    kernels, biases = _variables(shapes)

    def encode(x: tf.Tensor) -> tf.Tensor:
        h = tf.nn.relu(x @ kernels[0] + biases[0])
        return h @ kernels[1] + biases[1]

    def decode(z: tf.Tensor) -> tf.Tensor:
        h = tf.nn.relu(z @ kernels[2] + biases[2])
        return h @ kernels[3] + biases[3]

    return kernels + biases, encode, decode


def conv_network(latent: int = LATENT) -> tuple:
    """Two convolutions of stride 2 and their transposes."""
    shapes = [
        (3, 3, 1, 32),
        (3, 3, 32, 64),
        (3136, 2 * latent),
        (latent, 3136),
        (3, 3, 64, 64),
        (3, 3, 32, 64),
        (32, 1),
    ]
    kernels, biases = _variables(shapes, transposed=(4, 5))

    def encode(x: tf.Tensor) -> tf.Tensor:
        h = tf.reshape(x, [-1, 28, 28, 1])
        for i in (0, 1):
            h = tf.nn.conv2d(h, kernels[i], 2, "SAME") + biases[i]
            h = tf.nn.relu(h)
        return tf.reshape(h, [-1, 3136]) @ kernels[2] + biases[2]

    def decode(z: tf.Tensor) -> tf.Tensor:
        h = tf.nn.relu(z @ kernels[3] + biases[3])
        h = tf.reshape(h, [-1, 7, 7, 64])
        for i, (size, filters) in ((4, (14, 64)), (5, (28, 32))):
            shape = [tf.shape(h)[0], size, size, filters]
            h = tf.nn.conv2d_transpose(h, kernels[i], shape, 2, "SAME")
            h = tf.nn.relu(h + biases[i])
        h = tf.tensordot(h, kernels[6], 1) + biases[6]
        return tf.reshape(h, [-1, 784])

    return kernels + biases, encode, decode


def vae_loss(encode: Callable, decode: Callable) -> Callable:
    """Negative evidence lower bound, formulas written out."""

    def loss(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        mean, raw = tf.split(encode(x), 2, axis=1)
        stddev = tf.nn.softplus(raw) + 1e-5
        noise = tf.random.stateless_normal(tf.shape(mean), seed, alg="philox")
        logits = decode(mean + stddev * noise)
        bits = tf.nn.sigmoid_cross_entropy_with_logits(x, logits)
        kl = mean**2 + stddev**2 - 1 - 2 * tf.math.log(stddev)
        return tf.reduce_mean(tf.reduce_sum(bits, 1)) + 0.5 * tf.reduce_mean(
            tf.reduce_sum(kl, 1)
        )

    return loss


def iwae_loss(encode: Callable, decode: Callable, samples: int) -> Callable:
    """Importance-weighted bound, formulas written out."""

    def loss(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        mean, raw = tf.split(encode(x), 2, axis=1)
        stddev = tf.nn.softplus(raw) + 1e-5
        shape = [samples, tf.shape(mean)[0], mean.shape[1]]
        noise = tf.random.stateless_normal(shape, seed, alg="philox")
        z = mean + stddev * noise
        logits = decode(tf.reshape(z, [-1, z.shape[-1]]))
        logits = tf.reshape(logits, [samples, -1, 784])
        labels = tf.broadcast_to(x, tf.shape(logits))
        bits = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
        log_ratio = 0.5 * (noise**2 - z**2) + tf.math.log(stddev)
        log_weights = tf.reduce_sum(log_ratio, 2) - tf.reduce_sum(bits, 2)
        bound = tf.reduce_logsumexp(log_weights, 0) - math.log(samples)
        return -tf.reduce_mean(bound)

    return loss


def tensorflow_loop(
    rows: np.ndarray, variables: list, loss: Callable, jit: bool
) -> Callable:
    """A `tf.function` of 39 steps over gathered batches, Adam by hand."""
    rows = tf.constant(rows)
    first = [tf.Variable(tf.zeros_like(v)) for v in variables]
    second = [tf.Variable(tf.zeros_like(v)) for v in variables]
    step = tf.Variable(0.0)

    def one(index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(tf.gather(rows, index), seed)
        gradients = tape.gradient(value, variables)
        step.assign_add(1.0)
        rate = 1e-3 * tf.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        for v, g, m, s in zip(variables, gradients, first, second, strict=True):
            m.assign_add((g - m) * 0.1)
            s.assign_add((g * g - s) * 0.001)
            v.assign_sub(rate * m / (tf.sqrt(s) + 1e-7))
        return value

    @tf.function(jit_compile=jit, autograph=False)
    def steps(index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        def body(i: tf.Tensor, total: tf.Tensor) -> tuple:
            return i + 1, total + one(index[i], seed + [0, i])

        _, total = tf.while_loop(
            lambda i, _: i < STEPS, body, [tf.constant(0), tf.constant(0.0)]
        )
        return total / STEPS

    generator = np.random.default_rng(0)

    def run() -> None:
        blocks = len(rows) // (BATCH * STEPS)
        order = generator.permutation(len(rows))[: blocks * BATCH * STEPS]
        order = order.reshape(blocks, STEPS, BATCH).astype(np.int32)
        for block in order:
            seed = generator.integers(0, 2**31, 2).astype(np.int32)
            value = steps(tf.constant(block), tf.constant(seed))
        value.numpy()

    return passes(run)


class StockKeras(keras.Model):
    """The usual pattern: own `train_step`, layers, Keras' defaults."""

    def __init__(self, encoder: keras.Model, decoder: keras.Model):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.seeds = keras.random.SeedGenerator(0)
        self.tracker = keras.metrics.Mean(name="loss")

    def train_step(self, data: tf.Tensor) -> dict:
        """One step, formulas written out."""
        with tf.GradientTape() as tape:
            mean, log_variance = keras.ops.split(self.encoder(data), 2, axis=1)
            noise = keras.random.normal(keras.ops.shape(mean), seed=self.seeds)
            z = mean + keras.ops.exp(0.5 * log_variance) * noise
            bits = keras.losses.binary_crossentropy(data, self.decoder(z))
            bits = keras.ops.mean(keras.ops.sum(bits[:, None] * 784, 1))
            kl = 1 + log_variance - mean**2 - keras.ops.exp(log_variance)
            value = bits - 0.5 * keras.ops.mean(keras.ops.sum(kl, 1))
        gradients = tape.gradient(value, self.trainable_weights)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_weights, strict=True)
        )
        self.tracker.update_state(value)
        return {"loss": self.tracker.result()}


def stock_keras(rows: np.ndarray, kind: str) -> Callable:
    """`fit` with Keras' defaults and batch 128."""
    layers = keras.layers
    if kind == "dense":
        encoder = [layers.Dense(512, "relu"), layers.Dense(2 * LATENT)]
        decoder = [layers.Dense(512, "relu"), layers.Dense(784, "sigmoid")]
    else:
        encoder = [
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(32, 3, 2, "same", activation="relu"),
            layers.Conv2D(64, 3, 2, "same", activation="relu"),
            layers.Flatten(),
            layers.Dense(2 * LATENT),
        ]
        decoder = [
            layers.Dense(3136, "relu"),
            layers.Reshape((7, 7, 64)),
            layers.Conv2DTranspose(64, 3, 2, "same", activation="relu"),
            layers.Conv2DTranspose(32, 3, 2, "same", activation="relu"),
            layers.Dense(1, "sigmoid"),
            layers.Flatten(),
        ]
    model = StockKeras(keras.Sequential(encoder), keras.Sequential(decoder))
    model.compile("adam")
    return lambda: model.fit(rows, batch_size=BATCH, epochs=PASSES, verbose=0)


def torch_loop(rows: np.ndarray) -> Callable:
    """Plain PyTorch: a loop over shuffled batches."""
    import torch

    torch.manual_seed(0)
    linear, functional = torch.nn.Linear, torch.nn.functional
    encoder = torch.nn.Sequential(
        linear(784, 512), torch.nn.ReLU(), linear(512, 2 * LATENT)
    )
    decoder = torch.nn.Sequential(
        linear(LATENT, 512), torch.nn.ReLU(), linear(512, 784)
    )
    optimizer = torch.optim.Adam(
        [*encoder.parameters(), *decoder.parameters()], 1e-3
    )
    data = torch.from_numpy(rows)

    def run() -> None:
        for index in torch.randperm(len(data)).split(BATCH):
            x = data[index]
            mean, log_variance = encoder(x).chunk(2, 1)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            bits = functional.binary_cross_entropy_with_logits(
                decoder(z), x, reduction="sum"
            )
            kl = (1 + log_variance - mean**2 - log_variance.exp()).sum()
            optimizer.zero_grad()
            ((bits - 0.5 * kl) / len(x)).backward()
            optimizer.step()

    return passes(run)


def jax_loop(rows: np.ndarray) -> Callable:
    """JAX: a jitted step called from a Python loop."""
    import jax
    import jax.numpy as jnp
    import optax

    rows = jnp.asarray(rows)
    generator = np.random.default_rng(0)
    shapes = [(784, 512), (512, 2 * LATENT), (LATENT, 512), (512, 784)]
    weights = [
        (
            jnp.asarray(
                generator.normal(0, (2 / sum(s)) ** 0.5, s), jnp.float32
            ),
            jnp.zeros(s[1]),
        )
        for s in shapes
    ]
    adam = optax.adam(1e-3)

    def loss(weights: list, x: jax.Array, key: jax.Array) -> jax.Array:
        (w0, b0), (w1, b1), (w2, b2), (w3, b3) = weights
        code = jax.nn.relu(x @ w0 + b0) @ w1 + b1
        mean, log_variance = jnp.split(code, 2, axis=1)
        noise = jax.random.normal(key, mean.shape)
        z = mean + jnp.exp(0.5 * log_variance) * noise
        logits = jax.nn.relu(z @ w2 + b2) @ w3 + b3
        bits = optax.sigmoid_binary_cross_entropy(logits, x).sum(1)
        kl = 1 + log_variance - mean**2 - jnp.exp(log_variance)
        return jnp.mean(bits - 0.5 * kl.sum(1))

    @jax.jit
    def step(weights, state, key, index):
        key, own = jax.random.split(key)
        gradients = jax.grad(loss)(weights, rows[index], own)
        updates, state = adam.update(gradients, state)
        return optax.apply_updates(weights, updates), state, key

    held = [weights, adam.init(weights), jax.random.key(0)]

    def run() -> None:
        order = generator.permutation(len(rows))
        order = order[: len(order) // BATCH * BATCH].reshape(-1, BATCH)
        for index in order:
            held[:] = step(*held, index)
        jax.block_until_ready(held[0])

    return passes(run)


def pythae_epoch(rows: np.ndarray) -> Callable:
    """Pythae's own trainer, one epoch at its defaults and batch 128."""
    import logging
    import tempfile

    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE
    from pythae.models import VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder
    from pythae.models.nn import BaseEncoder
    from pythae.trainers import BaseTrainer
    from pythae.trainers import BaseTrainerConfig

    class Encoder(BaseEncoder):
        """784-512-20."""

        def __init__(self):
            super().__init__()
            self.hidden = torch.nn.Linear(784, 512)
            self.mean = torch.nn.Linear(512, LATENT)
            self.log_variance = torch.nn.Linear(512, LATENT)

        def forward(self, x):
            h = torch.relu(self.hidden(x))
            return ModelOutput(
                embedding=self.mean(h), log_covariance=self.log_variance(h)
            )

    class Decoder(BaseDecoder):
        """20-512-784."""

        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(LATENT, 512),
                torch.nn.ReLU(),
                torch.nn.Linear(512, 784),
                torch.nn.Sigmoid(),
            )

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    logging.getLogger("pythae").setLevel(logging.ERROR)
    config = VAEConfig(
        input_dim=(784,), latent_dim=LATENT, reconstruction_loss="bce"
    )
    model = VAE(config, Encoder(), Decoder())
    labels = torch.ones(len(rows))
    dataset = BaseDataset(torch.from_numpy(rows), labels)
    trainer = BaseTrainer(
        model,
        dataset,
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            num_epochs=1,
            per_device_train_batch_size=BATCH,
            optimizer_cls="Adam",
            learning_rate=1e-3,
        ),
    )
    trainer.prepare_training()
    numbers = iter(range(1, 1000))
    return passes(lambda: trainer.train_step(next(numbers)))


def passes(one: Callable[[], None]) -> Callable[[], None]:
    """All passes of a contestant that makes one."""

    def run() -> None:
        for _ in range(PASSES):
            one()

    return run


def _variables(shapes: list, transposed: tuple = ()) -> tuple[list, list]:
    glorot = keras.initializers.GlorotUniform(seed=0)
    kernels = [tf.Variable(glorot(shape)) for shape in shapes]
    biases = [
        tf.Variable(tf.zeros(s[-2] if i in transposed else s[-1]))
        for i, s in enumerate(shapes)
    ]
    return kernels, biases
