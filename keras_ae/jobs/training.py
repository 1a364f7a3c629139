"""Which models a detector has, what they are trained on, and for how long."""

import itertools
import math
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_ae import spaces
from keras_ae.core import rows as rows_of
from keras_ae.core import validation
from keras_ae.jobs import learned
from keras_ae.jobs import scores as kinds
from keras_ae.jobs.intake import Intake
from keras_ae.jobs.intake import is_frame
from keras_ae.model.base import BaseAutoencoder

STEPS = 3000
SCORES = ("elbo", "denoising", "distance")
#: Of one long series the first of these that there is, alone.
LONG_SCORES = ("denoising", "elbo", "reconstruction")
LONGEST_CODE = 64
HIDDEN = (128, 64)


class Part(NamedTuple):
    """Some of the data.

    Attributes:
        rows: Of the models' space.
        totals: Points of each long series that the rows are windows of; or
            none.
        unseen: Which values are categories that no row of training had, bool
            `[N, columns]`; False where there are no categories.
    """

    rows: Any
    totals: tuple[int, ...] = ()
    unseen: np.ndarray | bool = False

    @property
    def size(self) -> int:
        """Rows or points, whatever gets a score."""
        return sum(self.totals) or len(self.rows)


def part(intake: Intake, x: Any) -> Part:
    """All of the data."""
    return _long(intake, x) if intake.is_long(x) else Part(intake.rows(x))


def asked(intake: Intake, x: Any, long: bool) -> Part:
    """As `part`, of data that may hold categories that training has not seen:
    holes in their places. Of a detector of rows, not `long`, one row is no
    long series."""
    if not isinstance(intake.space, spaces.Table) or not is_frame(x):
        return part(intake, x) if long else Part(intake.rows(x))
    x, unseen = intake.space.known("X", x)
    return part(intake, x)._replace(unseen=unseen)


def _long(intake: Intake, x: Any) -> Part:
    """Windows of a long series, or of each in a list."""
    series = x if isinstance(x, list) else [x]
    rows = [intake.rows(own) for own in series]
    every = rows[0] if len(rows) == 1 else np.concatenate(rows)
    return Part(every, tuple(map(len, series)))


def split(
    intake: Intake, x: Any, held: float, parts: int, seed: int
) -> list[Part]:
    """Rows to train on, and 1 or 2 equal parts of those that are held out;
    of long series their ends, see `cut`.

    Raises:
        ValueError: If one would be empty.
    """
    whole = part(intake, x)
    size = max(1, round(whole.size * held / parts))
    cuts = [whole.size - size * number for number in range(parts, 0, -1)]
    if cuts[0] < 1:
        raise ValueError(
            f"Too few rows to hold some out. Expected more than {size * parts}"
            f". Received: {whole.size} rows, calibration={held:g}"
        )
    if whole.totals:
        series = x if isinstance(x, list) else [x]
        found = cut(series, held, parts, intake.space.length)
        return [_long(intake, own) for own in found]
    order = np.random.default_rng(seed).permutation(whole.size)
    sparse = isinstance(whole.rows, rows_of.SparseRows)
    take = whole.rows.take if sparse else whole.rows.__getitem__
    return [Part(take(own)) for own in np.split(order, cuts)]


def cut(series: list, held: float, parts: int, least: int) -> list[list]:
    """The beginnings of long series, and 1 or 2 equal parts of their ends.

    Where the end of one would be shorter than a window, the last points of
    all, as `between` cuts them: whole series, if they are short.

    Args:
        series: Arrays or data frames of `[T, ...]` points.
        held: Share of the points in the ends.
        parts: Of the ends.
        least: Points of a window.

    Example:
        >>> cut([np.arange(4), np.arange(8)], held=0.25, parts=1, least=1)[1]
        [array([3]), array([6, 7])]
    """
    sizes = [round(len(own) * held / parts) for own in series]
    if min(sizes) < least:
        total = sum(map(len, series))
        size = max(1, round(total * held / parts))
        return [
            between(series, *edge, least) for edge in _edges(total, size, parts)
        ]
    pieces = [
        [own[low:high] for low, high in _edges(len(own), size, parts)]
        for own, size in zip(series, sizes, strict=True)
    ]
    return [[*part] for part in zip(*pieces, strict=True)]


def _edges(total: int, size: int, parts: int) -> Iterator[tuple[int, int]]:
    """First points and ends of the beginning, and of parts of one size."""
    cuts = range(total - size * parts, total + 1, size)
    return itertools.pairwise([0, *cuts])


def between(series: list, start: int, end: int, least: int) -> list:
    """Points from `start` to `end` of series laid one after the other: parts
    of them, without those of fewer points than `least` if others are left.

    Example:
        >>> between([np.arange(4), np.arange(3)], 2, 6, least=1)
        [array([2, 3]), array([0, 1])]
        >>> between([np.arange(4), np.arange(3)], 3, 6, least=2)
        [array([0, 1])]
    """
    ends = np.cumsum([len(own) for own in series])
    parts = [
        own[max(start - before, 0) : max(end - before, 0)]
        for own, before in zip(series, [0, *ends], strict=False)
    ]
    parts = [own for own in parts if len(own)]
    return [own for own in parts if len(own) >= least] or parts


def chosen(
    scores: Any, given: BaseAutoencoder | None, long: bool = False
) -> list[kinds.BaseScore]:
    """The scores that were asked for, or those that a model has.

    Of a long series one: windows overlap, and the few held out that do not
    are too few to say how scores compare.

    Raises:
        ValueError: If there are none, one twice, or a model lacks what one
            needs.
    """
    if scores is None:
        if long:
            every = [kinds.get(name) for name in LONG_SCORES]
            has = (s for s in every if given is None or not s.lacking(given))
            return [*has][:1]
        found = [kinds.get(name) for name in SCORES]
        if given is None:
            return found
        if given.prior is None and found[1].lacking(given):
            found.append(kinds.get("reconstruction"))
        return [score for score in found if not score.lacking(given)]
    one = isinstance(scores, str | dict | kinds.BaseScore)
    found = [kinds.get(score) for score in ([scores] if one else scores)]
    if not found or len({*found}) < len(found):
        expected = "one score, or several different ones"
        raise ValueError(validation.invalid("scores", expected, scores))
    for score in found:
        lacking = score.lacking(given) if given is not None else ""
        if lacking:
            raise ValueError(
                f"The model has no score {score!r}: it lacks {lacking}. "
                f"Received: a {type(given).__name__}. Choose other `scores`, "
                "or another model."
            )
    return found


def check_varied(rows: Any) -> None:
    """Refuse to train on rows that are all equal."""
    values = np.asarray(rows[: kinds.MOST])
    if len(values) and (values == values[:1]).all():
        raise ValueError(
            "All training rows are equal. Expected rows that differ, of which "
            f"normal ones can be told apart. Received: {len(rows)} times the "
            "same row."
        )


def models(
    scores: Sequence[kinds.BaseScore],
    given: BaseAutoencoder | None,
    space: spaces.BaseSpace,
    rows: Any,
    steps: int | None,
    seed: int,
) -> list[learned.Learned]:
    """A trained model for each score; the same where one does for several.

    Raises:
        ValueError: If it cannot be known whether a given model is trained.
    """
    if steps is not None:
        steps = validation.check_count("steps", steps, 0)
    if given is not None:
        return [_given(given, rows, steps)] * len(scores)
    steps = STEPS if steps is None else validation.check_count("steps", steps)
    plans = [
        learned.planned(
            score.variant,
            space,
            steps,
            seed=seed,
            **shape(space, score.variant),
        )
        for score in scores
    ]
    made = {plan: learned.trained(plan, rows, steps) for plan in {*plans}}
    return [made[plan] for plan in plans]


def shape(space: spaces.BaseSpace, variant: str) -> dict[str, Any]:
    """Arguments of `create` that suit a space.

    A denoising autoencoder may have a wide code: noise, not the code, keeps
    it from copying.
    """
    wide = variant == "denoising"
    size = math.prod(space.shape)
    code = LONGEST_CODE if wide else min(LONGEST_CODE, math.ceil(size / 3))
    if isinstance(space, spaces.Image):
        return {"latent_dim": code, "hidden": (512, 256)}
    options = {"latent_dim": code, "hidden": HIDDEN}
    if space.likelihood is None:
        squares = {"gaussian": {"scale": 1.0}}
        options["likelihood"] = squares if wide else "gaussian"
    return options


def _given(
    model: BaseAutoencoder, rows: Any, steps: int | None
) -> learned.Learned:
    if model.given is not None:
        raise ValueError(
            f"{model.name!r} is told something beside each example. Expected "
            "a model of examples alone."
        )
    if steps is None:
        if not model.compiled:
            raise ValueError(
                "A model that is not compiled may be trained or not. Expected "
                "`steps`. Received: None. Say steps=0 to take it as it is, or "
                "how many steps to train it."
            )
        steps = 0 if int(model.step) else STEPS
    own = learned.described(model, steps)
    if steps:
        return learned.trained(own.plan, rows, steps, own.weights)
    return own
