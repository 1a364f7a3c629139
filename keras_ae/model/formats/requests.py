"""Requests that do not fit a model are answered by an error, in its graph."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from keras_ae.model.base import BaseAutoencoder


def checked(
    model: "BaseAutoencoder",
    name: str,
    function: Callable,
    specs: list[tf.TensorSpec],
) -> Callable:
    """An endpoint that refuses other shapes, conditions that there are not,
    and, as `score_samples` does, scores of what lies outside the space or the
    support of the likelihood. XLA leaves such checks out.

    Args:
        model: Whose endpoint it is.
        name: Of the endpoint.
        function: Of tensors.
        specs: Of the function's inputs.
    """

    def serve(*values: tf.Tensor) -> dict:
        # A signature of a SavedModel does not compare shapes, and a layer
        # that reshapes takes whatever has as many numbers.
        values = tuple(
            tf.ensure_shape(v, s.shape)
            for v, s in zip(values, specs, strict=True)
        )
        checks = []
        if name == "score" and support(model):
            within = inside(model, model.space.tensor(values[0]))
            checks.append(_all(within, specs[0].name, support(model)))
        if model.given is not None and len(values) > 1:
            allowed = model.given.inside(values[1])
            expected = model.given.expected()
            checks.append(_all(allowed, specs[1].name, expected))
        with tf.control_dependencies(checks):
            return function(*(tf.identity(v) for v in values))

    return serve


def inside(model: "BaseAutoencoder", x: tf.Tensor) -> tf.Tensor:
    """Which values of examples `[B, *shape]` have a score, bool: those that
    the space has, in the support of the likelihood."""
    off = tf.abs(model.space.nearest(x) - x) > 0  # of NaN it is not
    # No "not": TensorFlow makes `<=` of "not >", which NaN is not either.
    return tf.where(off, False, model.decoder.head.inside(x))


def support(model: "BaseAutoencoder") -> str:
    """`inside`, in words; empty where every finite number is."""
    head = model.decoder.head
    if head.support:
        return f"{head.support}, the support of `{type(head).__name__}`"
    if model.space.support:
        return f"{model.space.support}, those of `{model.space!r}`"
    return ""


def _all(allowed: tf.Tensor, name: str, expected: str) -> tf.Operation:
    return tf.debugging.Assert(
        tf.reduce_all(allowed),
        [f"Invalid value in `{name}`. Expected {expected}. Received others."],
    )
