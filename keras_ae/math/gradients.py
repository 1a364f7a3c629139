"""Gradients that are taken along some ways alone."""

from collections.abc import Callable

import tensorflow as tf


def along_path(
    function: Callable[[tf.Tensor], tf.Tensor], z: tf.Tensor
) -> tf.Tensor:
    """`function(z)` with the gradient through `z` alone, none of what else
    the function depends on.

    Formula:
        f(z) - f(sg(z)) + sg(f(z)),  sg: no gradient
    """
    fixed = function(tf.stop_gradient(z))
    return function(z) - fixed + tf.stop_gradient(fixed)
