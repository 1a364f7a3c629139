"""The one training step of all variants, and the terms it logs."""

from collections.abc import Iterable
from typing import final

import keras
import numpy as np
import tensorflow as tf

from keras_ae.core import backend
from keras_ae.core import replicas
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import Rows
from keras_ae.core.types import Tree
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Forward
from keras_ae.model.batch import Moment

#: What the regularizers of weights add to the loss, where there are some.
REGULARIZATION = "regularization"


class Step:
    """Mixin of `BaseAutoencoder`: differentiates, weighs, logs."""

    @final
    def train_step(self, data: Tree) -> dict[str, tf.Tensor]:
        """One optimizer step of every player, all on one pass; the logged
        terms."""
        batch = self.unpack(data)
        moment = self.moment(training=True, rows=batch.size)
        forward, terms, weights, gradients = self._gradients(batch, moment)
        for gradient, player in zip(gradients, self.players(), strict=True):
            player.optimizer.apply(gradient, player.variables)
        self.after_step(forward, moment)
        for name, control in self.term_weights.controls.items():
            mean = replicas.total(self.share(batch) * terms[name])
            control.update(mean, moment.step)
        return self.report(batch, terms, weights)

    def _gradients(self, batch: Batch, moment: Moment) -> tuple:
        """The pass, its terms, their factors, and for each player the
        gradients of its variables."""
        players = self.players()
        with tf.GradientTape(persistent=len(players) > 1) as tape:
            forward = self.forward(batch, moment)
            terms = self.reduce(self.loss_terms(forward, moment), forward)
            weights = self.factors(moment, terms)
            share = self.share(batch)
            scaled = [
                player.optimizer.scale_loss(
                    share
                    * (
                        weighted_sum(terms, weights, player.terms)
                        + regularization(player.variables)
                    )
                )
                for player in players
            ]
        self._check_no_added_losses()
        gradients = [
            tape.gradient(total, player.variables)
            for total, player in zip(scaled, players, strict=True)
        ]
        return forward, terms, weights, gradients

    @final
    def examine(self, data: Tree) -> dict[str, Tree]:
        """What a training step would see and change nothing by.

        Args:
            data: As `train_step` takes it.

        Returns:
            `terms` by name; the largest absolute value of the `input`, and
            that of each variable's gradient by its path, `gradients`.
        """
        batch, moment = self.unpack(data), self.moment(training=True)
        _, terms, _, gradients = self._gradients(batch, moment)
        return {
            "terms": terms,
            "input": _largest(batch.x),
            "gradients": {
                variable.path: _largest(gradient)
                / player.optimizer.scale_loss(1.0)
                for player, own in zip(self.players(), gradients, strict=True)
                for variable, gradient in zip(
                    player.variables, own, strict=True
                )
                if gradient is not None
            },
        }

    @final
    def test_step(self, data: Tree) -> dict[str, tf.Tensor]:
        """The logged terms of a batch."""
        batch = self.unpack(data)
        moment = self.moment(rows=batch.size)
        forward = self.forward(batch, moment)
        terms = self.reduce(self.loss_terms(forward, moment), forward)
        return self.report(batch, terms, self.factors(moment, terms))

    @final
    def objective(
        self, x: Rows, y: ArrayLike | None = None, training: bool = False
    ) -> dict[str, tf.Tensor]:
        """The terms of one pass over examples, before any mean is taken.

        Args:
            x: Examples `[B, ...]`, with what is given.
            y: Targets, if not the examples.
            training: Whether the pass is one of training.
        """
        batch, moment = self.batch(x, y), self.moment(training)
        return self.loss_terms(self.forward(batch, moment), moment)

    @property
    def step(self) -> tf.Tensor:
        """Optimizer steps taken so far; 0 before `compile`."""
        if not self.compiled:
            return tf.constant(0)
        return tf.convert_to_tensor(self.optimizer.iterations)

    @final
    def share(self, batch: Batch) -> tf.Tensor | float:
        """The weight of this replica's mean in that of all replicas."""
        if replicas.count() == 1:
            return 1.0
        own = _count(batch)
        return tf.math.divide_no_nan(own, replicas.total(own))

    @final
    def reduce(
        self, terms: dict[str, tf.Tensor], forward: Forward
    ) -> dict[str, tf.Tensor]:
        """Each term as a scalar: mean over draws, weighted mean over the
        batch.

        Raises:
            ValueError: If terms and declaration differ, or a term has other
                axes than those of draws and batch.
        """
        self._check_names(terms)
        axes = len(forward.latent.shape) - len(self.encoder.event_shape)
        size, weight = forward.batch.x.shape[0], forward.batch.weight
        means = {}
        for name, value in terms.items():
            if value.shape.rank or name not in self.batch_statistics:
                _check_axes(name, value, axes, size)
            if len(value.shape) > 1:
                value = tf.reduce_mean(value, axis=range(len(value.shape) - 1))
            if len(value.shape) == 1 and weight is not None:
                value = tf.math.divide_no_nan(
                    tf.reduce_sum(value * weight), tf.reduce_sum(weight)
                )
            means[name] = tf.reduce_mean(value)
        return means

    def _check_no_added_losses(self) -> None:
        """Refuse what layers have added to losses in their last calls: of
        how many passes and draws, a variant could not say."""
        adding = backend.layers_with_losses(self)
        if adding:
            raise ValueError(
                "Layers add losses that are no terms. Expected layers without "
                f"`add_loss` and `activity_regularizer`. Received: {adding}. "
                "Override `loss_terms` for a term of your own; regularizers "
                "of weights are minimized."
            )

    def _check_names(self, terms: dict[str, tf.Tensor]) -> None:
        if not isinstance(terms, dict):
            raise TypeError(
                f"The terms of {type(self).__name__} are no dict. Expected "
                f"{sorted(self.terms)} by name. Received: "
                f"{type(terms).__name__}"
            )
        found, declared = set(terms), set(self.terms)
        for problem, names in (
            ("returned terms that it does not declare", found - declared),
            ("did not return all declared terms", declared - found),
        ):
            if names:
                raise ValueError(
                    f"{type(self).__name__} {problem}. Expected "
                    f"{sorted(self.terms)}. Received: {sorted(terms)}, which "
                    f"differs in {sorted(names)}. The class declares them: "
                    "`terms = Base.terms | {name: what it is}`."
                )

    @final
    def factors(
        self, moment: Moment, terms: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """The factor of every term: the variant's times that of `compile`."""
        own = self.loss_weights(moment, terms)
        factors = {n: tf.cast(own.get(n, 1.0), tf.float32) for n in terms}
        if not self.compiled:
            return factors
        asked = self.term_weights
        return {n: f * asked.factor(n, moment.step) for n, f in factors.items()}

    @final
    def report(
        self,
        batch: Batch,
        terms: dict[str, tf.Tensor],
        weights: dict[str, tf.Tensor],
    ) -> dict[str, tf.Tensor]:
        """Update the metrics: every term, the loss, and those of
        `compile(metrics=...)`, for which alone the model is run again."""
        count = _count(batch)
        cost = regularization(self.trainable_variables)
        logged = terms | self.decoder.head.monitors() | {REGULARIZATION: cost}
        for name, tracker in self.trackers.items():
            tracker.update_state(logged[name], sample_weight=count)
        loss = weighted_sum(terms, weights, terms) + cost
        backend.loss_metric(self).update_state(loss, sample_weight=count)
        if backend.has_compiled_metrics(self):
            prediction = self.reconstruction(batch, self.moment())
            return self.compute_metrics(
                batch.x, batch.target, prediction, batch.weight
            )
        return self.get_metrics_result()


def weighted_sum(
    terms: dict[str, tf.Tensor],
    weights: dict[str, tf.Tensor],
    names: Iterable[str],
) -> tf.Tensor:
    """Sum of weight times term over `names`, a scalar."""
    return tf.add_n([weights[name] * terms[name] for name in names])


def regularization(variables: Iterable[keras.Variable]) -> tf.Tensor | float:
    """What regularizers of variables cost, as in Keras; 0 without any."""
    costs = [v.regularizer(v) for v in variables if v.regularizer is not None]
    return sum((tf.cast(cost, tf.float32) for cost in costs), 0.0)


def _largest(value: tf.Tensor) -> tf.Tensor:
    """Largest absolute value, float32; NaN where there is one."""
    value = tf.abs(tf.cast(tf.convert_to_tensor(value), tf.float32))
    hidden = tf.reduce_any(tf.math.is_nan(value))
    return tf.where(hidden, np.nan, tf.reduce_max(value))


def _count(batch: Batch) -> tf.Tensor:
    """Rows of a batch, or the sum of their weights, float32."""
    if batch.weight is None:
        return tf.cast(batch.size, tf.float32)
    return tf.reduce_sum(batch.weight)


def _check_axes(
    name: str, value: tf.Tensor, axes: int, size: int | None
) -> None:
    """Refuse a term with axes beyond draws and batch."""
    shape = value.shape
    fits = len(shape) > 0 and None in (size, shape[-1]) or shape[-1:] == [size]
    if 1 <= len(shape) <= axes and fits:
        return
    expected = ", ".join([*["draws"] * (axes - 1), str(size or "batch")])
    raise ValueError(
        f"The term {name!r} has axes that are not draws and batch. Expected "
        f"shape ({expected}) or ({size or 'batch'},). Received: "
        f"{tuple(shape)}. Sum it over the axes of an example; a statistic of "
        "the whole batch, `()`, is named in `batch_statistics`."
    )
