"""Every variant takes every space."""

import numpy as np
import pandas as pd
import pytest

import keras_ae
from keras_ae import spaces
from tests.kinds import variants

RNG = np.random.default_rng(0)
N = 12
FRAME = pd.DataFrame(
    {
        "pay": RNG.lognormal(size=N),
        "city": RNG.choice(["Bonn", "Kiel", "Ulm"], N),
        "ill": RNG.random(N) < 0.5,
    }
)
FRAME.loc[3, "pay"] = np.nan
COUNTS = RNG.poisson(3, (N, 6))
WAVES = np.sin(np.arange(80.0))
#: Space, and data of a user.
CASES = {
    "table": (spaces.Table.from_frame(FRAME), FRAME),
    "counts": (spaces.Counts.from_counts(COUNTS), COUNTS),
    "series": (spaces.Series.from_series(WAVES, 8), WAVES),
    "image": (spaces.Image(4, 4), RNG.integers(0, 256, (N, 4, 4), "uint8")),
}


@pytest.mark.parametrize("space", CASES)
@pytest.mark.parametrize("name", variants())
def test_a_pass(name, space):
    space, data = CASES[space]
    cls = keras_ae.get(name)
    case, _ = cls.contract_case()
    case = {
        argument: value
        for argument, value in case.items()
        if argument not in ("input_shape", "likelihood")
    }
    model = cls.create(space, **case | {"hidden": (8,)})
    rows = space.rows("x", data)
    x = rows
    if model.given is not None:
        x = (rows, np.arange(len(rows)) % model.given.size)
    x = model.check_rows(x)
    batch, moment = model.batch(x), model.moment(training=True)
    forward = model.forward(batch, moment)
    for term, value in model.loss_terms(forward, moment).items():
        assert np.isfinite(value).all(), term
    mean = model.reconstruction(batch, model.moment()).numpy()
    assert mean.shape == (len(rows), *space.shape)
    answer = space.array(mean, like=data)
    assert type(answer) is type(data)
    assert len(answer) == len(data)
