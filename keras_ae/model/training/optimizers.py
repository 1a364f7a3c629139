"""Models of several players, each with its own optimizer."""

from typing import Any

import keras

from keras_ae.core.types import Optimizer


class Optimizers:
    """Mixin of a variant whose players have optimizers of their own."""

    #: Names of the optimizers beside `optimizer`.
    more_optimizers: tuple[str, ...] = ()

    def compile(
        self, optimizer: Optimizer = "adam", loss: None = None, **kwargs: Any
    ) -> None:
        """Configure training, with an optimizer for each player.

        Args:
            optimizer: Keras optimizer or its name. Defaults to `"adam"`.
            loss: Not supported; the model computes its loss.
            **kwargs: The other players' optimizers by name, for example
                `discriminator_optimizer`; each defaults to one like
                `optimizer`. Others: see `VAE.compile`.
        """
        more = {name: kwargs.pop(name, None) for name in self.more_optimizers}
        super().compile(optimizer, loss, **kwargs)
        for name, value in more.items():
            setattr(self, name, self._optimizer_like(value))

    def _optimizer_like(self, value: Optimizer | None) -> keras.Optimizer:
        """An optimizer, treated as `compile` treats the first one."""
        like = type(self.optimizer)
        if value is None:
            return like.from_config(self.optimizer.get_config())
        value = keras.optimizers.get(value)
        scaled = keras.optimizers.LossScaleOptimizer
        if like is scaled and not isinstance(value, scaled):
            value = scaled(value, name="loss_scale_optimizer")
        return value

    def get_compile_config(self) -> dict:
        """See `FastTraining.get_compile_config`."""
        config = super().get_compile_config()
        if not config:
            return config
        return config | {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in self.more_optimizers
        }
