"""Losses of a discriminator and of whom it judges, in nats."""

import tensorflow as tf


def discriminator_loss(
    real_logits: tf.Tensor, fake_logits: tf.Tensor
) -> tf.Tensor:
    """Cross-entropy of telling real from fake.

    Formula:
        -log D(real) - log(1 - D(fake)),  D = sigmoid(logits)

    Args:
        real_logits: Logits that real examples are real, `[...]`.
        fake_logits: The same for made ones, `[...]`.

    Returns:
        `[...]`; 2 log 2 where the discriminator cannot tell.

    Example:
        >>> round(float(discriminator_loss(tf.zeros([]), tf.zeros([]))), 4)
        1.3863

    Reference: Goodfellow et al., 2014. Generative Adversarial Networks,
        equation 1. https://arxiv.org/abs/1406.2661
    """
    return tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)


def generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of passing for real; its gradient does not vanish where
    the discriminator is sure.

    Formula:
        -log D(fake),  D = sigmoid(logits)

    Args:
        fake_logits: Logits that made examples are real, `[...]`.

    Returns:
        `[...]`.

    Example:
        >>> round(float(generator_loss(tf.zeros([]))), 4)
        0.6931

    Reference: Goodfellow et al., 2014. Generative Adversarial Networks,
        section 3. https://arxiv.org/abs/1406.2661
    """
    return tf.nn.softplus(-fake_logits)


def accuracy(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Share of examples that are told right; a tie counts one half.

    Args:
        real_logits: Logits that real examples are real, `[...]`.
        fake_logits: The same for made ones, `[...]`.

    Returns:
        `[...]`: the mean over a real and a made example each.

    Example:
        >>> float(accuracy(tf.constant(2.0), tf.constant(0.0)))
        0.75
    """
    return 0.5 + (tf.sign(real_logits) - tf.sign(fake_logits)) / 4
