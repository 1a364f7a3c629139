"""Normals whose values depend on each other."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.math import draws

tfd = tfp.distributions


class Correlated(draws.Rowwise, tfd.MultivariateNormalTriL):
    """`tfd.MultivariateNormalTriL` with draws by `normal`, and a closed
    divergence from independent normals."""

    # Not by way of the distribution that TFP transforms.
    _call_sample_n = tfd.Distribution._call_sample_n

    def _sample_n(
        self, n: tf.Tensor, seed: draws.Seed | draws.RowSeed = None
    ) -> tf.Tensor:
        shape = tf.concat([[n], tf.shape(self.loc)], axis=0)
        return self.loc + tf.linalg.matvec(
            self.scale_tril, draws.normal(shape, seed)
        )


@tfd.RegisterKL(Correlated, tfd.Independent)
def _kl(
    q: Correlated, p: tfd.Independent, name: str | None = None
) -> tf.Tensor:
    """KL(q || p) for independent normals p; of others TFP says that it has no
    closed form.

    Formula:
        sum_j KL(N(m_j, L_jj) || p_j) + sum_(i<j) L_ji**2 / (2 s_j**2)
    """
    del name
    one = p.distribution
    diagonal = tf.linalg.diag_part(q.scale_tril)
    alone = tfd.kl_divergence(tfd.Normal(q.loc, diagonal), one)
    below = tf.linalg.set_diag(q.scale_tril, tf.zeros_like(diagonal))
    shared = tf.reduce_sum(below**2, axis=-1) / (2 * one.scale**2)
    return tf.reduce_sum(alone + shared, axis=-1)
