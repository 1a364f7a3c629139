"""The base of every variant: one training step, and the hooks it calls."""

import abc
import functools
from collections.abc import Callable
from typing import Any
from typing import final

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae import spaces
from keras_ae.core import replicas
from keras_ae.core import validation
from keras_ae.core.config import AutoConfig
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Rows
from keras_ae.core.types import Shape
from keras_ae.core.types import Shapes
from keras_ae.core.types import Tree
from keras_ae.math import densities
from keras_ae.model import compiled
from keras_ae.model import finite
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment
from keras_ae.model.batch import Player
from keras_ae.model.create import Creation
from keras_ae.model.create import check_known
from keras_ae.model.infer import Inference
from keras_ae.model.seeds import Seeds
from keras_ae.model.sizes import Sizes
from keras_ae.model.start import Start
from keras_ae.model.training.loop import FastTraining
from keras_ae.model.training.step import REGULARIZATION
from keras_ae.model.training.step import Step
from keras_ae.parts import conditions
from keras_ae.parts import heads
from keras_ae.parts import networks
from keras_ae.parts import part
from keras_ae.parts import priors
from keras_ae.parts.mechanisms import BaseMechanism

tfd = tfp.distributions


class BaseAutoencoder(
    FastTraining,
    Step,
    Seeds,
    Creation,
    Start,
    Sizes,
    Inference,
    AutoConfig,
    keras.Model,
    abc.ABC,
):
    """An encoder and a decoder, both with distributions as outputs.

    A variant declares its `terms` and overrides one or two hooks:
    `posterior`, `code`, `draw`, `likelihood`, `forward`, `loss_terms`,
    `loss_weights`, `after_step`, `players`. The base makes one pass, weighs
    the terms, adds them up, differentiates and logs them. Every term is in
    nats per example: summed over the event, averaged over the batch. `loss`
    is the sum of weight times term.

    Args:
        encoder: `DistributionNetwork` from examples to codes.
        decoder: `DistributionNetwork` from codes to examples.
        space: What one example is, as in `spaces.get`. Defaults to an `Array`
            of the shape that the decoder makes.
        given: What encoder and decoder are told beside the example, a
            condition as in `conditions.get`, or None. With it, where others
            take examples this model takes `(examples, conditions)`, and
            `decode` takes `(codes, conditions)`.
        missing: `"refuse"`: NaN is an error. `"mask"`: NaN means "not
            observed": 0 for the encoder, left out of the likelihood. Defaults
            to what is natural in the space, of a likelihood that can leave
            values out.
        sampler: A prior, as in `priors.get`, that `sample` draws codes from
            instead of the model's own; see `fit_sampler`. Defaults to None.
        seed: Integer for all draws (order of the rows, codes, noise), or None
            for one from Keras' global seed. The state is saved with the
            model, so that training resumes exactly.
    """

    kind = "variant"

    #: name -> one line with unit; these are logged, and those of the parts.
    terms: dict[str, str] = {}
    #: Those of them that are one number a batch, not one for each example: a
    #: statistic of the batch, which `sample_weight` does not weigh.
    batch_statistics: frozenset[str] = frozenset()
    #: Axes of the draws of the code in the objective, before the batch's.
    sample_shape: tuple[int, ...] = ()
    #: What `create` puts on the encoder, and by default on the decoder.
    posterior_head: Callable[[], heads.BaseHead] = heads.Point
    likelihood_head: Callable[[], heads.BaseHead] = functools.partial(
        heads.Gaussian, scale="shared", start="data"
    )
    #: p(z), of the variants that have one.
    prior: priors.BasePrior | None = None
    #: p(s|x): which values are observed, where holes depend on what they hide.
    mechanism: BaseMechanism | None = None

    def __init__(
        self,
        encoder: networks.DistributionNetwork,
        decoder: networks.DistributionNetwork,
        *,
        space: int | Shape | dict | spaces.BaseSpace | None = None,
        given: int | dict | conditions.BaseCondition | None = None,
        missing: str | None = None,
        sampler: str | dict | priors.BasePrior | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check_known(kwargs, self.parameters())
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
        shape = self.decoder.event_shape
        self.space = spaces.get(shape if space is None else space)
        if self.space.shape != shape:
            expected = f"a space of examples of shape {shape}, the decoder's"
            raise ValueError(validation.invalid("space", expected, space))
        self.space.check_head(self.decoder.head)
        self.given = None if given is None else conditions.get(given)
        self.missing = self.space.holes(missing, self.decoder.head)
        self.sampler = None if sampler is None else priors.get(sampler)
        if seed is not None:
            validation.check_count("seed", seed, 0)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.compiled_functions = compiled.Functions()

    # Hooks.

    def posterior(self, batch: Batch, moment: Moment) -> tfd.Distribution:
        """q(z|x), batch `[B]`."""
        told = self.told(self.space.features(batch.x), batch)
        return self.encoder(told, training=moment.training)

    def code(self, posterior: tfd.Distribution) -> tf.Tensor:
        """The code that stands for a posterior, `[B, ...]`: its mean, where
        the head of the encoder knows none better."""
        return self.encoder.head.code(posterior)

    def draw(self, posterior: tfd.Distribution, moment: Moment) -> tf.Tensor:
        """Codes for the objective, `[(S...,) B, ...]`, reparameterized."""
        return moment.sample(posterior)

    def likelihood(
        self, z: tf.Tensor, batch: Batch, moment: Moment
    ) -> tfd.Distribution:
        """p(x|z) of codes `[(S...,) B, ...]`: batch `[(S...,) B]`."""
        return self.decoder(
            self.told(z, batch),
            training=moment.training,
            exposure=self.space.exposure(batch.target),
        )

    def forward(self, batch: Batch, moment: Moment) -> Forward:
        """Encode, draw, decode; the likelihood is that of observed values."""
        posterior = self.posterior(batch, moment)
        z = self.draw(posterior, moment)
        likelihood = self.observed(self.likelihood(z, batch, moment), batch)
        prior = self.p_z(batch, moment)
        return Forward(batch, posterior, z, prior, likelihood, {})

    def loss_terms(
        self, forward: Forward, moment: Moment
    ) -> dict[str, tf.Tensor]:
        """The terms by name: `[(S...,) B]` per example, or a scalar for
        statistics of a batch. With those of the parts."""
        target = forward.batch.target
        terms = {"reconstruction": -forward.likelihood.log_prob(target)}
        for own in part.parts_of(self):
            terms |= own.loss_terms(forward, moment)
        return terms

    def loss_weights(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, Any]:
        """Factors of the terms, 1 where not named; 0 logs a term without
        minimizing it. `terms` are their means over the batch."""
        del moment, terms  # constant
        return {}

    def after_step(self, forward: Forward, moment: Moment) -> None:
        """Change state that no optimizer changes, after each training step;
        nowhere else is state changed. Equal on all replicas."""
        for own in part.parts_of(self):
            own.after_step(forward, moment)

    def players(self) -> tuple[Player, ...]:
        """Who takes a step on each batch; all of them differentiate one and
        the same pass. By default one, who minimizes all terms."""
        return (
            Player(tuple(self.terms), self.trainable_variables, self.optimizer),
        )

    # Final: variants do not override what follows.

    @final
    def told(self, tensor: tf.Tensor, batch: Batch) -> Tree:
        """What a network takes: the tensor, and what the model is given."""
        if self.given is None:
            return tensor
        return [tensor, self.given.vector(batch.given)]

    @final
    def observed(
        self, likelihood: tfd.Distribution, batch: Batch
    ) -> tfd.Distribution:
        """The likelihood of what was observed of each example."""
        if batch.mask is None:
            return likelihood
        return densities.masked(likelihood, batch.mask)

    @final
    def p_z(
        self, batch: Batch | None = None, moment: Moment | None = None
    ) -> tfd.Distribution | None:
        """p(z), made from the prior's weights as they are now; for training
        on a batch, see `BasePrior.among`."""
        if self.prior is None:
            return None
        if moment is not None and moment.training:
            return self.prior.among(batch.x, self.encode_tensors)
        return self.prior.distribution(self.encode_tensors)

    @final
    def moment(
        self, training: bool = False, rows: tf.Tensor | None = None
    ) -> Moment:
        """Now: the optimizer's step, draws from the model's seeds."""
        spread = rows is not None and replicas.count() > 1
        place = replicas.place(rows) if spread else None
        return Moment(training, self.step, self.next_seed, place)

    @final
    def batch(
        self,
        x: Rows,
        y: ArrayLike | None = None,
        weight: ArrayLike | None = None,
    ) -> Batch:
        """A batch as the hooks take it, in single precision.

        Args:
            x: Examples `[B, ...]`, or examples and what is given.
            y: Targets, if not the examples.
            weight: `[B]`.
        """
        x, given = (x, None) if self.given is None else x
        batch = self.batch_of(
            self.space.tensor(x), None if y is None else self.space.tensor(y)
        )
        if weight is not None:
            weight = tf.cast(weight, tf.float32)
        return batch._replace(given=given, weight=weight)

    @final
    def unpack(self, data: Tree) -> Batch:
        """The batch that `fit` or `evaluate` was given; builds on it."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        self.build_on(x)
        batch = self.batch(x, y, weight)
        if y is None:
            return batch
        # What a network may hide of its input, the target tells.
        holes = self.missing == "mask"
        rows = tf.convert_to_tensor(keras.tree.flatten(x)[0])
        return batch._replace(target=finite.told(batch.target, rows, holes))

    def call(self, x: Rows, training: bool = False) -> tf.Tensor:
        """The mean of p(x|z) at the code of x, `[B, ...]`."""
        return self.reconstruction(self.batch(x), self.moment(training))

    @final
    def reconstruction(self, batch: Batch, moment: Moment) -> tf.Tensor:
        """The mean of p(x|z) at the code of each example, `[B, ...]`."""
        z = self.code(self.posterior(batch, moment))
        return self.likelihood(z, batch, moment).mean()

    @final
    def build(self, input_shape: Shapes) -> None:
        """Build the parts that are not built yet, on the shape of a batch of
        rows, and of what is given; done once."""
        if self.built:
            return
        own: tuple = (None, *self.space.shape)
        self.build_parts(own if self.given is None else (own, *input_shape[1:]))
        for own in part.parts_of(self):
            self.batch_statistics |= own.batch_statistics
            if own.terms:
                self.terms = self.terms | own.terms
        logged = [*self.terms, *self.decoder.head.monitors()]
        if any(weight.regularizer is not None for weight in self.weights):
            logged.append(REGULARIZATION)
        self.trackers = {n: keras.metrics.Mean(name=n) for n in logged}
        self.built = True

    @final
    def build_on(self, x: Rows) -> None:
        """Build on the shapes of a batch, if that is not done."""
        if not self.built:
            own: tuple = (None, *self.space.row_shape)
            told = self.given is not None
            self.build((own, (None, *x[1].shape[1:])) if told else own)

    def build_parts(self, input_shape: Shapes) -> None:
        """Build encoder, decoder, on the shape of a batch of tensors, and of
        what is given; a variant with more parts adds its own."""
        code_shape = (None, *self.encoder.event_shape)
        if self.given is None:
            shapes = input_shape, code_shape
        else:
            told = (None, self.given.size)
            shapes = [tuple(input_shape[0]), told], [code_shape, told]
        self.encoder.build(shapes[0])
        self.decoder.build(shapes[1])
        if self.decoder.tied:
            self.decoder.tie(self.encoder)
        if self.sampler is not None:
            if not self.sampler.built:
                self.sampler.build(code_shape, input_shape)
            self.sampler.trainable = False  # it is no part of the objective
