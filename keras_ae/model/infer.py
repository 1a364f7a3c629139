"""What a trained model answers: codes, reconstructions, scores, files."""

from pathlib import Path
from typing import Any
from typing import Self
from typing import final

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.core.types import ArrayLike
from keras_ae.core.types import DType
from keras_ae.core.types import Given
from keras_ae.core.types import Rows
from keras_ae.math import divergences
from keras_ae.model import compiled
from keras_ae.model import export
from keras_ae.model import finite
from keras_ae.model import generate
from keras_ae.model import magnitude
from keras_ae.model import streams
from keras_ae.model.batch import Batch
from keras_ae.model.batch import Moment
from keras_ae.parts import priors

tfd = tfp.distributions

SCORE_DRAWS = 8  # codes that a score averages over, where there is a prior


class Inference:
    """Mixin of `BaseAutoencoder`: NumPy in, NumPy out, in bounded memory."""

    @final
    def encode(self, x: Rows, training: bool = False) -> tfd.Distribution:
        """q(z|x) of examples `[B, ...]`: batch `[B]`.

        Args:
            x: Examples, or `(examples, conditions)` where a model is told
                something beside them.
            training: Whether layers behave as in training.

        Raises:
            NonFiniteError: If the weights are not finite.
        """
        if tf.executing_eagerly():
            finite.check_weights(self)
            self.check_inputs(x)
        return self.posterior(self.batch(x), self.moment(training))

    @final
    def decode(self, z: Rows, training: bool = False) -> tfd.Distribution:
        """p(x|z) of codes `[(S...,) B, ...]`: batch `[(S...,) B]`.

        Args:
            z: Codes, or `(codes, conditions)` where a model is told something
                beside them.
            training: Whether layers behave as in training.

        Raises:
            NonFiniteError: If the weights are not finite.
            TypeError: On a distribution, and without conditions where the
                model is told some.
            ValueError: On codes of another shape.
        """
        if tf.executing_eagerly():
            finite.check_weights(self)
            z = self.check_codes(z)
        z, given = (z, None) if self.given is None else z
        batch = Batch(None, None, given)
        return self.likelihood(z, batch, self.moment(training))

    @final
    @streams.batch_by_batch
    def embed(self, x: Rows, batch_size: int | None = None) -> np.ndarray:
        """Codes of examples, `[N, ...]`; deterministic.

        Args:
            x: Examples, `[N, ...]`, or a `tf.data.Dataset` of batches.
            batch_size: Rows in a compiled call. Defaults to 256.
        """
        codes = compiled.batched(
            self,
            lambda x: self.code(self.encode(x)),
            self.check_inputs(self.as_rows(x)),
            batch_size,
        )
        return self.space.codes(codes, first(x))

    @final
    @streams.batch_by_batch
    def reconstruct(
        self, x: Rows, batch_size: int | None = None, dtype: DType = None
    ) -> np.ndarray:
        """Means of p(x|z) at the codes of examples, `[N, ...]`; the same as
        `predict`.

        Args:
            x: As in `embed`.
            batch_size: Rows in a compiled call. Defaults to 256.
            dtype: Type in which they come back, see `BaseSpace.array`: of an
                `Image`, `"uint8"` gives bytes. Defaults to float32.

        Example:
            >>> space = keras_ae.spaces.Image(4, 4)
            >>> model = keras_ae.Autoencoder.create(space, 2, hidden=(16,))
            >>> x = np.full([3, 4, 4, 1], 200, "uint8")
            >>> model.reconstruct(x, dtype="uint8").dtype
            dtype('uint8')
        """
        return self.reconstruct_rows(self.as_rows(x), batch_size, dtype, x)

    @final
    def reconstruct_rows(
        self, rows: Rows, batch_size: int | None, dtype: DType, like: Any
    ) -> Any:
        """`reconstruct` of data `like`, once rows were made of them."""
        rows = self.check_inputs(rows)
        values = compiled.batched(self, lambda x: self(x), rows, batch_size)
        return self.space.array(values, dtype, first(like))

    @final
    @streams.batch_by_batch
    def score_samples(
        self, x: Rows, batch_size: int | None = None
    ) -> np.ndarray:
        """How normal each example is: the higher, the more. In nats, `[N]`.

        The evidence lower bound of log p(x) where there is a prior, else
        log p(x|z) at the code. The codes are drawn with the same numbers for
        every row: the score of a row depends on that row alone.

        Args:
            x: As in `embed`.
            batch_size: Rows in a compiled call. Defaults to 256.

        Example:
            >>> vae = keras_ae.VAE.create((8,), latent_dim=2, hidden=(16,))
            >>> vae.score_samples(np.zeros([3, 8])).shape
            (3,)
        """
        return compiled.batched(
            self,
            lambda x: -score(self.score_terms(x)),
            self.check_rows(self.as_rows(x)),
            batch_size,
        )

    @final
    def score_terms(self, x: Rows) -> dict[str, tf.Tensor]:
        """The parts of a score by name, `[B]` in nats: `reconstruction`, and
        where there is a prior `kl` and `negative_elbo`, their sum."""
        batch = self.batch(x)
        posterior = self.posterior(batch, self.moment())
        if self.prior is None:
            z = self.code(posterior)
        else:
            z = _fixed_moment().sample(posterior, (SCORE_DRAWS,))
        likelihood = self.likelihood(z, batch, self.moment())
        log_px = self.observed(likelihood, batch).log_prob(batch.target)
        if self.prior is None:
            return {"reconstruction": -log_px}
        kl = divergences.kl_divergence(posterior, self.p_z(), z)
        log_px, kl = (_over_draws(value) for value in (log_px, kl))
        return {
            "reconstruction": -log_px,
            "kl": kl,
            "negative_elbo": kl - log_px,
        }

    @property
    def source(self) -> priors.BasePrior | None:
        """What `sample` draws codes from: a sampler that was fitted, else the
        prior."""
        return self.prior if self.sampler is None else self.sampler

    def sample(
        self,
        n: int,
        seed: int | None = None,
        given: Given | None = None,
        dtype: DType = None,
    ) -> np.ndarray:
        """`n` new examples: means of p(x|z) at draws z from the prior, or from
        a sampler that was fitted, see `keras_ae.fit_sampler`; or draws of
        p(x|z) where the space is one of those (`Table`, `Counts`).

        Args:
            n: How many.
            seed: Integer to repeat the draws, or None for fresh ones. The
                first examples of a seed do not depend on `n`.
            given: What a model that is told something is told, one for all
                or `[n, ...]`.
            dtype: As in `reconstruct`.

        Returns:
            `[n, ...]`.

        Raises:
            TypeError: If the model has neither.
        """
        values = generate.sample(self, n, seed, given)
        return self.space.array(values, dtype)

    @final
    def impute(
        self,
        x: Rows,
        draws: int | None = None,
        seed: int | None = 0,
        samples: int = 100,
    ) -> np.ndarray:
        """Examples with their holes (NaN) filled in; the rest as it was.

        Codes are drawn from the posterior of what was observed. One filling
        weighs their reconstructions by importance; several fillings are drawn
        each with a code by the same weights. Memory does not grow with
        `samples`. A mechanism of holes has its share in the weights, which
        are then those of codes and draws of x_mis.

        Formula:
            w_s ~ p(x_obs|z_s) p(z_s) / q(z_s|x_obs),  z_s ~ q(z|x_obs)
            x_mis = sum_s w_s E[x_mis|z_s]

        Args:
            x: Examples with NaN where nothing was observed, `[N, ...]`.
            draws: None for one filling, the mean; or a number of fillings.
            seed: Integer for the draws, or None for the model's next seed.
            samples: Codes that are weighed for each example, where there is
                a prior. Defaults to 100; more are better where the posterior
                is far from p(z|x_obs), at ten times the time for ten times as
                many.

        Returns:
            `[N, ...]`, or `[draws, N, ...]`.

        Raises:
            ValueError: If a number is below 1, or if the model was not made
                with `missing="mask"`.

        Example:
            >>> vae = keras_ae.VAE.create(
            ...     (3,), 2, hidden=(4,), likelihood="gaussian", missing="mask"
            ... )
            >>> x = np.array([[0.5, np.nan, 1.0]])
            >>> vae.impute(x)[0, [0, 2]].tolist()
            [0.5, 1.0]

        Reference: Mattei, Frellsen, 2019. MIWAE: Deep Generative Modelling
            and Imputation of Incomplete Data Sets. ICML.
            https://arxiv.org/abs/1812.02633
        """
        if self.missing != "mask":
            raise ValueError(
                f"{self.name!r} takes no examples with holes. Expected a model "
                'made with missing="mask". Received: missing='
                f"{self.missing!r}"
            )
        if draws is not None:
            draws = validation.check_count("draws", draws)
        samples = validation.check_count("samples", samples)
        rows = self.check_inputs(self.as_rows(x))
        filled = generate.impute(self, rows, draws, seed, samples)
        return self.space.filled(filled, rows_of.unmasked(first(x)))

    @final
    def as_rows(self, x: Any) -> Any:
        """A user's data as rows, see `BaseSpace.rows`; what a model is told
        beside them as it is."""
        if self.given is None:
            return self.space.rows("x", rows_of.unmasked(x))
        if isinstance(x, tuple) and len(x) == 2:
            return self.space.rows("x[0]", rows_of.unmasked(x[0])), x[1]
        return x

    def check_inputs(self, x: Rows) -> Rows:
        """`x` as arrays that fit the model.

        Raises:
            ValueError: On another shape, no rows, NaN or infinite values,
                and such as networks of type float16 do not reach.
            TypeError: Without conditions where the model is told some.
        """
        holes = self.missing == "mask"
        if self.given is None:
            if isinstance(x, tuple):
                raise TypeError(
                    "Invalid type of `x`. Expected examples alone, for a model "
                    "that is told nothing beside them. Received: tuple. Make "
                    "it with `given`, such as the number of classes; or leave "
                    "labels out."
                )
            x = rows_of.held(x)
            self.space.check("x", x, holes)
            magnitude.check_half(self, x)
            return x
        if not isinstance(x, tuple) or len(x) != 2:
            raise TypeError(
                "Invalid type of `x`. Expected a tuple (examples, "
                f"conditions). Received: {type(x).__name__}. Give them "
                "together, as in `fit((x, labels))`."
            )
        examples = rows_of.held(x[0])
        self.space.check("x[0]", examples, holes)
        magnitude.check_half(self, examples)
        return examples, self.given.check("x[1]", x[1], len(examples))

    def check_codes(self, z: Rows) -> Rows:
        """`z` as tensors of a shape that the decoder takes.

        Raises:
            TypeError: On a distribution, and without conditions where the
                model is told some.
            ValueError: On codes of another shape.
        """
        if self.given is not None:
            if not isinstance(z, (tuple, list)) or len(z) != 2:
                raise TypeError(
                    "Invalid type of `z`. Expected a tuple (codes, "
                    f"conditions). Received: {type(z).__name__}"
                )
            return _codes(z[0], self.encoder.event_shape), z[1]
        return _codes(z, self.encoder.event_shape)

    def check_rows(self, x: Rows, y: ArrayLike | None = None) -> Rows:
        """`x` as `check_inputs` gives it, once targets are seen to lie inside
        the likelihood's support.

        Raises:
            ValueError: On data that do not fit the model.
        """
        inputs = self.check_inputs(x)
        target = keras.tree.flatten(inputs)[0]
        holes = self.missing == "mask"
        if y is not None:
            target = rows_of.held(y)
            self._check_targets(target, holes)
        name = "x" if y is None else "y"
        for part in self.space.chunks(target):
            self.decoder.head.check_support(name, part)
        return inputs

    def _check_targets(self, y: Rows, holes: bool) -> None:
        try:
            self.space.check("y", y, holes)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{error} Targets are examples, such as clean ones. Leave "
                "labels out, or call `fit((x, labels))` of a model made with "
                "`given`."
            ) from None

    @classmethod
    def from_preset(
        cls, name: str | Path, load_weights: bool = True, **overrides: Any
    ) -> Self:
        """A pretrained model, see `keras_ae.load`."""
        from keras_ae.zoo import store  # the zoo builds on the models

        return store.load(name, cls, load_weights=load_weights, **overrides)

    def save(self, filepath: str | Path, *args: Any, **kwargs: Any) -> None:
        """Write a `.keras` file, see `keras.Model.save`; warns of classes
        that a new process would not find.

        Raises:
            ValueError: If layers were changed by `quantize`.
        """
        from keras_ae.zoo import trust  # the zoo builds on the models

        trust.check_layers(self)
        trust.warn_of_strangers(self)
        super().save(filepath, *args, **kwargs)

    def save_to_preset(self, folder: str | Path, **metadata: Any) -> None:
        """Write config, weights, metadata and model card to a folder."""
        from keras_ae.zoo import store  # the zoo builds on the models

        store.save(self, folder, **metadata)

    def export(
        self,
        filepath: str | Path,
        format: str = "tf_saved_model",
        **kwargs: Any,
    ) -> export.Written:
        """Write a file that answers like the model without this package.

        The file is opened again and compared with Python, on one and on
        three examples, before it is put in its place. Endpoints with
        operations that the format has not are left out, with a warning.

        Args:
            filepath: Local path to write: a folder; for `"litert"` a name
                that ends in `.tflite`; for `"onnx"` a folder, or a name that
                ends in `.onnx` for the reconstruction alone.
            format: `"tf_saved_model"`, with all `export_endpoints`;
                `"litert"`, a signature for each; `"onnx"` and `"openvino"`,
                a file for each; `"stablehlo"`, programs for JAX.
            **kwargs: `tolerance`, the largest difference from Python,
                relative to an output's largest number (or 1; defaults to
                1e-3 in single precision); `input_signature`, for a batch of
                fixed size; for `"stablehlo"` `batch_sizes`, those of the
                programs, (1, 256); others as in `keras_ae.model.formats`.

        Returns:
            `endpoints`, the names of those written, and `left_out`, name to
            why.

        Raises:
            ValueError: If the format is unknown, the path does not fit it,
                or the model is not built.
            ImportError: If a package that the format needs is missing.
            RuntimeError: If the file is not valid or gives other numbers, or
                the reconstruction can not be written; then nothing is.

        Example:
            >>> import tempfile
            >>> model = keras_ae.Autoencoder.create((8,), 2, hidden=(16,))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = folder + "/model.tflite"
            ...     model.export(path, format="litert").endpoints
            ['reconstruct', 'encode', 'decode', 'score']
        """
        return export.write(self, filepath, format, **kwargs)

    def export_endpoints(self) -> dict[str, tuple]:
        """name -> (function of tensors, signature) of what is exported."""
        endpoints = export.endpoints(self)
        if self.source is not None:
            endpoints["sample"] = generate.endpoint(self)
        return endpoints

    @final
    def input_specs(self) -> list[tf.TensorSpec]:
        """Signature of the encoder's input."""
        return self._specs("x", self.space.row_shape)

    @final
    def latent_specs(self) -> list[tf.TensorSpec]:
        """Signature of the decoder's input."""
        return self._specs("z", self.encoder.event_shape)

    def _specs(self, name: str, shape: tuple) -> list[tf.TensorSpec]:
        own = [tf.TensorSpec((None, *shape), name=name)]
        return own if self.given is None else [*own, self.given.spec()]


def first(x: Any) -> Any:
    """The examples, of examples and what a model is told beside them."""
    return x[0] if isinstance(x, tuple) else x


def score(terms: dict[str, tf.Tensor]) -> tf.Tensor:
    """The one number of `score_terms`, the lower the more normal."""
    return terms.get("negative_elbo", terms["reconstruction"])


def _over_draws(value: tf.Tensor) -> tf.Tensor:
    """Mean over the sample axes of `[(S...,) B]`."""
    return tf.reduce_mean(value, axis=list(range(len(value.shape) - 1)))


def _fixed_moment() -> Moment:
    """Draws from a fixed seed, the same for every row."""
    return Moment(
        False, tf.constant(0), lambda: tf.constant([0, 0]), None, True
    )


def _codes(z: ArrayLike, event_shape: tuple) -> tf.Tensor:
    """Codes `[..., B, *event_shape]` as a tensor."""
    if isinstance(z, tfd.Distribution):
        raise TypeError(
            "`z` is no array. Expected codes, numbers. Received: a "
            "distribution. Pass its `mean()`, or a `sample()`."
        )
    z = tf.convert_to_tensor(z)
    if len(z.shape) <= len(event_shape) or not (
        z.shape[-len(event_shape) :].is_compatible_with(event_shape)
    ):
        expected = ", ".join(map(str, ("N", *event_shape)))
        raise ValueError(
            f"Invalid shape of `z`. Expected codes of shape ({expected}), with "
            f"any axes of draws in front. Received: shape {tuple(z.shape)}"
        )
    return z
