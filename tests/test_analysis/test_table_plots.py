"""Tables side by side."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from keras_ae import plots
from keras_ae.analysis import table_plots

RNG = np.random.default_rng(0)


def test_associations_of_what_follows_and_what_does_not():
    x = RNG.normal(size=4000)
    df = pd.DataFrame(
        {
            "x": x,
            "square": x**3,
            "side": np.where(x > 0, "right", "left"),
            "noise": RNG.normal(size=4000),
        }
    )
    df.loc[:9, "noise"] = np.nan
    found = table_plots.associations(df)
    np.testing.assert_array_equal(found, found.T)
    assert found[0, 1] == pytest.approx(1)
    assert found[0, 2] > 0.95  # one part of eight holds both sides
    assert found[0, 3] < 0.06  # of independent columns about sqrt(49/4000/7)


def test_every_column_has_a_panel(tmp_path):
    df = pd.DataFrame(
        {
            "n": RNG.normal(size=50),
            "w": RNG.choice(["a", "b"], 50),
            "d": pd.date_range("2020-01-01", periods=50),
        }
    )
    figure = plots.table(df, df.sample(20, random_state=0))
    assert isinstance(figure, Figure)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == [
        "n",
        "w",
        "d",
        "associations, real",
        "associations, drawn",
    ]
    plots.save(figure, tmp_path / "table.png")
    with pytest.raises(ValueError, match="other columns"):
        plots.table(df, df[["n"]])


def test_wide_tables_draw_their_first_columns():
    frame = pd.DataFrame(RNG.normal(size=[20, 60]).astype("float32"))
    figure = plots.table(frame, frame)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[:-2] == [str(i) for i in range(table_plots.PANELS)]
    shape = figure.axes[-1].images[0].get_array().shape
    assert shape == (table_plots.PANELS, table_plots.PANELS)
