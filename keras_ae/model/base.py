"""The base of every variant: one training step, and the hooks it calls."""

import abc
import contextlib
import inspect
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple
from typing import final

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import registry
from keras_ae.core import replicas
from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.config import seeded_weights
from keras_ae.model import compiled
from keras_ae.model import export
from keras_ae.model.loop import FastTraining
from keras_ae.parts import heads
from keras_ae.parts import networks
from keras_ae.zoo import store

tfd = tfp.distributions


class Forward(NamedTuple):
    """One pass through the model.

    Attributes:
        inputs: What the encoder saw, `[B, ...]`.
        posterior: q(z|x), batch `[B]`.
        latent: Draws of it, `[(S,) B, ...]`.
        likelihood: p(x|z), batch `[(S,) B]`.
    """

    inputs: Any
    posterior: tfd.Distribution
    latent: tf.Tensor
    likelihood: tfd.Distribution


class Player(NamedTuple):
    """Somebody who minimizes: an objective, its variables, an optimizer.

    Attributes:
        objective: `(x, target, training)` to a dict of terms.
        variables: What this player may change.
        optimizer: A Keras optimizer.
    """

    objective: Callable
    variables: list
    optimizer: Any


class BaseAutoencoder(FastTraining, AutoConfig, keras.Model, abc.ABC):
    """An encoder and a decoder, both with distributions as outputs.

    A variant declares its `terms` and overrides one or two hooks: `encode`,
    `decode`, `draw`, `forward`, `loss_terms`, `loss_weights`, `players`. The
    base weighs the terms, adds them up, differentiates and logs them. Every
    term is in nats per example: summed over the event, averaged over the
    batch. `loss` is the sum of `loss_weights[name] * term` over the terms.

    Args:
        encoder: `DistributionNetwork` from examples to codes.
        decoder: `DistributionNetwork` from codes to examples.
        seed: Integer for all draws (order of the rows, codes, noise), or None
            for one from Keras' global seed. The state is saved with the
            model, so that training resumes exactly.
    """

    #: name -> one line with unit; these are logged.
    terms: dict[str, str] = {}
    #: What `create` puts on the encoder, and by default on the decoder.
    posterior_head: Any = heads.Point
    likelihood_head: Any = heads.Bernoulli

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        *,
        seed: int | None = None,
        **kwargs: Any,
    ):
        _check_known(kwargs, self.parameters())
        super().__init__(**kwargs)
        hint = (
            "Give your own network its output distribution: "
            "keras_ae.DistributionNetwork(network, 'gaussian', event_shape)."
        )
        self.encoder = validation.check_type(
            "encoder", encoder, networks.DistributionNetwork, hint
        )
        self.decoder = validation.check_type(
            "decoder", decoder, networks.DistributionNetwork, hint
        )
        if seed is not None:
            validation.check_count("seed", seed, 0)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.trackers = {n: keras.metrics.Mean(name=n) for n in self.terms}
        self.compiled_functions = {}
        self._feeds = {}

    # Hooks.

    def encode(self, x: Any, training: bool = False) -> tfd.Distribution:
        """q(z|x) of examples `[B, ...]`: batch `[B]`."""
        return self.encoder(x, training=training)

    def decode(self, z: Any, training: bool = False) -> tfd.Distribution:
        """p(x|z) of codes `[(S,) B, ...]`: batch `[(S,) B]`."""
        return self.decoder(z, training=training)

    def draw(self, posterior: tfd.Distribution) -> tf.Tensor:
        """Codes for the objective, `[(S,) B, ...]`, reparameterized."""
        return posterior.sample(seed=self.next_seed())

    def forward(self, x: Any, training: bool = False) -> Forward:
        """Encode, draw, decode."""
        posterior = self.encode(x, training=training)
        z = self.draw(posterior)
        return Forward(x, posterior, z, self.decode_given(z, x, training))

    def loss_terms(
        self, forward: Forward, target: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """The terms by name: `[(S,) B]` per example, or a scalar for
        statistics of a batch."""
        del training  # the same in training and evaluation
        return {"reconstruction": -forward.likelihood.log_prob(target)}

    def loss_weights(self, step: tf.Tensor) -> dict[str, Any]:
        """Factors of the terms at an optimizer step, 1 where not named; 0
        logs a term without minimizing it."""
        del step  # constant
        return {}

    def players(self) -> tuple[Player, ...]:
        """Who takes a step on each batch, in turn; by default one."""
        return (
            Player(self.objective, self.trainable_variables, self.optimizer),
        )

    def decode_given(
        self, z: tf.Tensor, x: Any, training: bool = False
    ) -> tfd.Distribution:
        """p(x|z) where the decoder may need a part of the input too."""
        del x  # only conditional variants look at it
        return self.decode(z, training=training)

    def score_terms(self, x: Any) -> dict[str, tf.Tensor]:
        """One number per example and term, `[B]` in nats, without draws."""
        z = self.encode(x).mean()
        log_px = self.decode_given(z, x).log_prob(self.default_target(x))
        return {"reconstruction": -log_px}

    def adapt_parts(self, x: Any) -> None:
        """What `adapt` does with checked examples, the model being built."""
        del x  # by default nothing

    def default_target(self, x: Any) -> tf.Tensor:
        """What is reconstructed when no target is given: the input."""
        return x

    # Final: variants do not override what follows.

    @final
    def objective(
        self, x: Any, target: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """The terms of one pass over a batch."""
        return self.loss_terms(self.forward(x, training), target, training)

    @final
    def adapt(self, x: Any) -> None:
        """Initialize from training examples what is better not random; to
        be called before `fit`, if at all.

        Args:
            x: Rows in memory.

        Raises:
            ValueError: On rows that do not fit the model, or too few.
        """
        x = self.check_inputs(rows_of.sources(x))
        self.build_on(x)
        self.adapt_parts(x)

    def call(self, x: Any, training: bool = False) -> tf.Tensor:
        """The mean of p(x|z) at the mean of q(z|x), `[B, ...]`."""
        z = self.encode(x, training=training).mean()
        return self.decode_given(z, x, training).mean()

    @final
    def build(self, input_shape: Any) -> None:
        """Build the parts that are not built yet; done once."""
        if self.built:
            return
        self.build_parts(input_shape)
        self.built = True

    @final
    def build_on(self, x: Any) -> None:
        """Build on the shapes of a batch, if that is not done."""
        if not self.built:
            self.build(
                keras.tree.map_structure(lambda t: (None, *t.shape[1:]), x)
            )

    def build_parts(self, input_shape: Any) -> None:
        """Build encoder, decoder; a variant with more parts adds its own."""
        encoder_shape, decoder_shape = self.part_shapes(input_shape)
        self.encoder.build(encoder_shape)
        self.decoder.build(decoder_shape)
        if self.decoder.tied:
            self.decoder.tie(self.encoder)

    def part_shapes(self, input_shape: Any) -> tuple[Any, Any]:
        """Shapes that encoder and decoder are built on."""
        return input_shape, (None, *self.encoder.event_shape)

    @final
    def unpack(self, data: Any) -> tuple:
        """x, target, sample weights of a batch, in single precision."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        if isinstance(x, list):
            x = tuple(x)
        x, y, weight = keras.tree.map_structure(
            lambda t: None if t is None else tf.cast(t, tf.float32),
            (x, y, weight),
        )
        self.build_on(x)
        return x, self.default_target(x) if y is None else y, weight

    @final
    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One optimizer step of every player; the logged terms."""
        x, target, weight = self.unpack(data)
        share = self.share(x, weight)
        step = self.step  # read before an optimizer counts on
        logged: dict[str, tf.Tensor] = {}
        for player in self.players():
            with tf.GradientTape() as tape:
                terms = self.reduce(
                    player.objective(x, target, training=True), weight
                )
                total = self.weighted_sum(terms, step)
                scaled = player.optimizer.scale_loss(total * share)
            gradients = tape.gradient(scaled, player.variables)
            player.optimizer.apply(gradients, player.variables)
            logged = terms | logged
        return self.report(x, target, weight, logged, step)

    def share(self, x: Any, weight: tf.Tensor | None) -> tf.Tensor:
        """This replica's part of the rows, or weights, of all replicas."""
        count = tf.cast(tf.shape(keras.tree.flatten(x)[0])[0], tf.float32)
        if weight is not None:
            count = tf.reduce_sum(weight)
        return tf.math.divide_no_nan(count, replicas.total(count))

    @final
    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """The logged terms of a batch."""
        x, target, weight = self.unpack(data)
        logged = self.reduce(self.evaluated_terms(x, target), weight)
        return self.report(x, target, weight, logged, self.step)

    @final
    def evaluated_terms(
        self, x: Any, target: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """What `test_step` averages: the terms of all players."""
        terms: dict[str, tf.Tensor] = {}
        for player in self.players():
            terms = player.objective(x, target, training=False) | terms
        return terms

    @property
    def step(self) -> tf.Tensor:
        """Optimizer steps taken so far; 0 before `compile`."""
        if not self.compiled:
            return tf.constant(0)
        return tf.convert_to_tensor(self.optimizer.iterations)

    @final
    def reduce(
        self, terms: dict[str, tf.Tensor], weight: tf.Tensor | None
    ) -> dict[str, tf.Tensor]:
        """Each term as a scalar: mean over draws, weighted mean over the
        batch."""
        unknown = sorted(set(terms) - set(self.terms))
        if unknown:
            raise ValueError(
                f"{type(self).__name__} returned terms that it does not "
                f"declare. Expected among {sorted(self.terms)}. Received: "
                f"{unknown}"
            )
        means = {}
        for name, value in terms.items():
            if len(value.shape) == 2:
                value = tf.reduce_mean(value, axis=0)
            if len(value.shape) == 1 and weight is not None:
                value = tf.math.divide_no_nan(
                    tf.reduce_sum(value * weight), tf.reduce_sum(weight)
                )
            means[name] = tf.reduce_mean(value)
        return means

    @final
    def weighted_sum(
        self, terms: dict[str, tf.Tensor], step: tf.Tensor
    ) -> tf.Tensor:
        """Sum of the terms times their weights at `step`."""
        weights = self.loss_weights(step)
        return tf.add_n(
            [
                tf.cast(weights.get(name, 1.0), tf.float32) * value
                for name, value in terms.items()
            ]
        )

    @final
    def report(
        self,
        x: Any,
        target: tf.Tensor,
        weight: tf.Tensor | None,
        terms: dict[str, tf.Tensor],
        step: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Update the metrics: every term, their weighted sum, and those of
        `compile(metrics=...)`, for which alone the model is run again."""
        lacking = sorted(set(self.terms) - set(terms))
        if lacking:
            raise ValueError(
                f"{type(self).__name__} did not return all declared terms. "
                f"Expected {sorted(self.terms)}. Lacking: {lacking}"
            )
        if weight is None:
            count = tf.shape(keras.tree.flatten(x)[0])[0]
        else:
            count = tf.reduce_sum(weight)
        for name, value in terms.items():
            self.trackers[name].update_state(value, sample_weight=count)
        loss = self.weighted_sum(terms, step)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=count)
        if any(m.name == "compile_metrics" for m in self.metrics):
            prediction = self(x, training=False)
            return self.compute_metrics(x, target, prediction, weight)
        return self.get_metrics_result()

    @final
    def next_seed(self) -> tf.Tensor:
        """A fresh seed, int32 `[2]`, from the model's saved state."""
        return tf.cast(self.seed_generator.next(), tf.int32)

    @final
    @contextlib.contextmanager
    def evaluation_seeds(self) -> Iterator[None]:
        """Inside, seeds start from a fixed point; the state is put back."""
        state = self.seed_generator.state
        kept = state.numpy()
        state.assign(np.array([kept[0] ^ 0x5EED, 0], kept.dtype))
        try:
            yield
        finally:
            state.assign(kept)

    @final
    def save_own_variables(self, store: Any) -> None:
        """Save the states of all seed generators beside the variables."""
        super().save_own_variables(store)
        for i, state in enumerate(self._seed_states()):
            store[f"seed_state_{i}"] = state.numpy()

    @final
    def load_own_variables(self, store: Any) -> None:
        """Restore what `save_own_variables` saved."""
        entries = {key: store[key] for key in store.keys()}
        for i, state in enumerate(self._seed_states()):
            state.assign(entries.pop(f"seed_state_{i}"))
        super().load_own_variables(entries)

    def _seed_states(self) -> list:
        return [
            v
            for v in self.non_trainable_variables
            if v.path.endswith("seed_generator_state")
        ]

    def check_inputs(self, x: Any) -> Any:
        """`x` as arrays that fit the encoder's input.

        Raises:
            ValueError: On another shape, no rows, NaN or infinite values.
        """
        x = np.asarray(x, np.float32)
        validation.check_data("x", x, self.decoder.event_shape)
        return x

    def check_rows(self, x: Any, y: Any = None) -> None:
        """Check arrays before training or evaluation.

        Raises:
            ValueError: On data that do not fit the model.
        """
        x = self.check_inputs(x)
        target = self.default_target(x)
        if y is not None:
            target = np.asarray(y)
            validation.check_data("y", target, self.decoder.event_shape)
        name = "x" if y is None else "y"
        self.decoder.head.check_support(name, target)

    @final
    def embed(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Mean codes of examples, `[N, ...]`; deterministic."""
        return compiled.embed(self, x, batch_size)

    @final
    def reconstruct(self, x: Any, batch_size: int | None = None) -> np.ndarray:
        """Means of the reconstructions, `[N, ...]`; the same as `predict`."""
        return compiled.reconstruct(self, x, batch_size)

    @classmethod
    def create(
        cls,
        input_shape: int | Sequence[int],
        latent_dim: int | Sequence[int],
        *,
        network: str = "mlp",
        hidden: Sequence[int] | None = None,
        activation: str = "relu",
        posterior: str | heads.BaseHead | None = None,
        likelihood: str | heads.BaseHead | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> Any:
        """The smallest working model, built.

        Args:
            input_shape: Shape of one example, without batch axis.
            latent_dim: Length of a code.
            network: `"linear"`, `"tied"` (linear, the decoder's weights those
                of the encoder), `"mlp"`, `"gated"` or `"conv"`. Defaults to
                `"mlp"`.
            hidden: Widths of the encoder's hidden layers, or filters of its
                convolutions; the decoder mirrors them. Defaults to (512, 256)
                for `"mlp"`, (300, 300) for `"gated"`, (32, 64) for `"conv"`.
            activation: Name of a Keras activation. Defaults to `"relu"`.
            posterior: Head of the encoder or its name, for example
                `heads.Point("sigmoid")` for codes between 0 and 1.
            likelihood: Head of the decoder or its name.
            seed: Integer for initial weights and all draws.
            **options: The variant's own arguments.
        """
        own = {*cls.parameters()} - {"encoder", "decoder"}
        _check_known(options, {*inspect.signature(cls.create).parameters, *own})
        input_shape = validation.check_shape("input_shape", input_shape)
        latent_shape = validation.check_shape("latent_dim", latent_dim)
        with seeded_weights(seed):
            bodies = cls.create_bodies(
                network,
                input_shape,
                latent_shape,
                hidden=hidden,
                activation=activation,
                options=options,
            )
            model = cls(
                networks.DistributionNetwork(
                    bodies[0],
                    cls.posterior_head() if posterior is None else posterior,
                    latent_shape,
                ),
                networks.DistributionNetwork(
                    bodies[1],
                    cls.likelihood_head() if likelihood is None else likelihood,
                    input_shape,
                    tied=network == "tied",
                ),
                seed=seed,
                **options,
            )
            model.build(model.input_shape_of(input_shape))
        return model

    @classmethod
    def create_bodies(
        cls,
        network: str,
        input_shape: tuple,
        latent_shape: tuple,
        *,
        options: dict,
        **settings: Any,
    ) -> tuple:
        """Bodies of encoder and decoder for `create`.

        `options` are the variant's own arguments, which may shape its
        networks; a variant with more networks puts them there.
        """
        del options
        return networks.pair(network, input_shape, latent_shape, **settings)

    def input_shape_of(self, event_shape: tuple) -> Any:
        """Shape to build on, with batch axis, for examples of a shape."""
        return (None, *event_shape)

    @classmethod
    def contract_case(cls) -> tuple[dict[str, Any], Any]:
        """Arguments of `create`, and 32 examples, for `keras_ae.contract`."""
        x = np.random.default_rng(0).uniform(size=(32, 8)).astype("float32")
        return {"input_shape": (8,), "latent_dim": 2, "hidden": (16,)}, x

    @classmethod
    def from_preset(
        cls, name: str | Path, load_weights: bool = True, **overrides: Any
    ) -> Any:
        """A pretrained model, see `keras_ae.load`."""
        return store.load(name, cls, load_weights=load_weights, **overrides)

    def save_to_preset(self, folder: str | Path, **metadata: Any) -> None:
        """Write config, weights, metadata and model card to a folder."""
        store.save(self, folder, **metadata)

    def export(
        self,
        filepath: str | Path,
        format: str = "tf_saved_model",
        **kwargs: Any,
    ) -> Any:
        """Write a SavedModel with all `export_endpoints`.

        Args:
            filepath: Folder to write.
            format: `"tf_saved_model"`, or one of Keras' other formats, which
                hold the reconstruction alone.
            **kwargs: For the other formats, see `keras.Model.export`.
        """
        if format != "tf_saved_model":
            return super().export(filepath, format=format, **kwargs)
        return export.saved_model(self, filepath)

    def export_endpoints(self) -> dict[str, tuple]:
        """name -> (function of tensors, signature) of the SavedModel."""
        return export.endpoints(self)

    def input_specs(self) -> list[tf.TensorSpec]:
        """Signature of the encoder's input."""
        return [tf.TensorSpec((None, *self.decoder.event_shape), name="x")]

    def latent_specs(self) -> list[tf.TensorSpec]:
        """Signature of the decoder's input."""
        return [tf.TensorSpec((None, *self.encoder.event_shape), name="z")]


def _check_known(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse arguments that neither the class nor Keras knows."""
    known = {*known, "name", "trainable", "dtype"} - {"options"}
    for name in given:
        if name not in known:
            raise ValueError(registry.unknown("argument", name, known))
