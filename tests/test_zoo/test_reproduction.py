"""Reproduction: rows, verdicts, the table, and the Frechet distance."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import keras_ae
from benchmarks import common
from benchmarks import frechet
from benchmarks import reproduction as benchmark
from keras_ae.cli import main as cli
from keras_ae.cli import tables
from keras_ae.model.training import speed
from keras_ae.zoo import publishing
from keras_ae.zoo import recipes
from keras_ae.zoo import reproduction
from keras_ae.zoo import store

ROOT = Path(__file__).parents[2]
RECIPE = {
    "preset": "line",
    "description": "One number for a digit.",
    "data": {"name": "digits"},
    "model": {"variant": "autoencoder", "latent_dim": 1, "network": "linear"},
    "training": {"epochs": 2, "batch_size": 500, "learning_rate": 0.01},
    "metrics": {"terms": {}, "squared_error": {}},
    "seed": 0,
}
ROW = reproduction.Row(
    "a-line",
    "linear autoencoder",
    "line",
    reach=1.0,
    published=((0.25, "[A, 2000](https://example.org)"), (0.5, "[B](x)")),
    figure="squared_error",
    measured=("squared_error",),
)


@pytest.fixture(autouse=True)
def without_xla(monkeypatch):
    choice = speed.Choice(False, "a test")
    monkeypatch.setattr(speed, "jit_compile", lambda model: choice)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A zoo of one tiny preset."""
    folder = tmp_path_factory.mktemp("zoo")
    publishing.publish(RECIPE, folder / "line", folder / "runs", verbose=0)
    return folder


@pytest.fixture
def zoo(trained, tmp_path, monkeypatch):
    """That zoo, the only row of whose table is its preset's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_AE_ZOO", str(trained))
    monkeypatch.setattr(reproduction, "ROWS", (ROW,))
    monkeypatch.setattr(reproduction, "BENCHMARKS", tmp_path)
    monkeypatch.setattr(reproduction, "FIGURES", tmp_path / "figures")
    return trained


def cells(table):
    header, (row,) = table
    return dict(zip(header, row, strict=True))


# Rows.


def test_rows_are_told_apart():
    keys = [row.key for row in reproduction.ROWS]
    assert len(set(keys)) == len(keys)
    figures = [(row.preset, row.figure) for row in reproduction.ROWS]
    assert len(set(figures)) == len(figures)


@pytest.mark.parametrize("row", reproduction.ROWS, ids=lambda row: row.key)
def test_to_beat_is_more_than_to_reach(row):
    sign = -1 if row.higher_is_better else 1
    assert row.beat is None or sign * row.beat < sign * row.reach
    for value, source in row.published:
        # Within a percent: the targets are made from what was published.
        assert value == pytest.approx(row.reach, rel=0.02)
        assert "http" in source or "scikit-learn" in source


@pytest.mark.parametrize("row", reproduction.ROWS, ids=lambda row: row.key)
def test_bundled_presets_fit_their_rows(row):
    if row not in reproduction.recorded_rows():
        pytest.skip("not trained")
    recipe = reproduction.about(row)["recipe"]
    assert set(row.measured) <= set(recipe["metrics"])
    if not reproduction.is_kept(row):
        path = ROOT / "zoo" / "recipes" / f"{row.preset}.json"
        assert recipe == recipes.read(path)


LOWER = dataclasses.replace(ROW, reach=2.0, beat=1.0)
HIGHER = dataclasses.replace(ROW, reach=1.0, beat=2.0, higher_is_better=True)
NEEDY = dataclasses.replace(LOWER, needs=("perplexity", 64.0))


@pytest.mark.parametrize(
    ("row", "value", "perplexity", "expected"),
    [
        (LOWER, 1.0, 0, "beaten: at most 1"),
        (LOWER, 1.5, 0, "reached: at most 2"),
        (LOWER, 2.25, 0, "not reached: 0.25 from 2"),
        (HIGHER, 2.0, 0, "beaten: at least 2"),
        (HIGHER, 1.5, 0, "reached: at least 1"),
        (HIGHER, 0.5, 0, "not reached: 0.5 from 1"),
        (NEEDY, 0.5, 64.5, "beaten: at most 1"),
        (NEEDY, 0.5, 64.0, "reached: at most 2"),
        (ROW, 0.5, 0, "reached: at most 1"),
    ],
)
def test_verdicts(row, value, perplexity, expected):
    figures = {
        "squared_error": {"value": value},
        "perplexity": {"value": perplexity},
    }
    assert reproduction.verdict(row, figures) == expected


# The table and the command.


def test_the_table_is_made_of_metadata(zoo):
    about = store.metadata("line")
    figure = about["metrics"]["squared_error"]
    found = cells(tables.published())
    error = figure["value"]
    assert float(found["ours"].split()[0]) == pytest.approx(error, rel=1e-3)
    first, second = map(float, found["ours - published"].split("; "))
    assert first == pytest.approx(error - 0.25, rel=1e-2)
    assert second == pytest.approx(error - 0.5, rel=1e-2)
    assert found["network"] == "autoencoder, linear, code 1"
    expected = "squared error, at the mean of the code, 359 images"
    assert found["figure"] == expected
    assert (found["data"], found["epochs"]) == ("digits", "2")
    assert "A, 2000; " not in tables.plain(tables.published())
    assert "0.25 (A, 2000); 0.5 (B)" in tables.plain(tables.published())


def test_rows_without_their_preset_are_left_out(zoo, monkeypatch):
    absent = dataclasses.replace(ROW, preset="nothing")
    other = dataclasses.replace(ROW, figure="probe_accuracy")
    monkeypatch.setattr(reproduction, "ROWS", (absent, other))
    assert reproduction.recorded_rows() == []
    assert tables.published()[1] == []


def test_rows_whose_weights_are_not_kept(zoo, monkeypatch, capsys):
    about = store.metadata("line")
    about["recipe"]["preset"] = "long_line"
    row = dataclasses.replace(ROW, key="long", preset="long_line")
    reproduction.FIGURES.mkdir()
    path = reproduction.FIGURES / "long_line.json"
    path.write_text(json.dumps(about))
    monkeypatch.setattr(reproduction, "ROWS", (ROW, row))
    assert reproduction.recorded_rows() == [ROW, row]
    assert [cells[0] for cells in tables.published()[1]] == [
        "`a-line`",
        "`long`",
    ]
    assert cli.main(["reproduce"]) == 0
    shown = capsys.readouterr()
    assert "a-line: linear" in shown.out and "long: " not in shown.out
    assert "not kept (--train trains them): long" in shown.err
    assert cli.main(["reproduce", "long"]) == 2
    assert "reproduce long --train" in capsys.readouterr().err
    found = reproduction.retrain(row)
    assert found.reproduced and found.found == about["metrics"]


def test_networks_in_words():
    recipe = {
        "variant": "vae",
        "latent_dim": [7, 7, 16],
        "network": "gated",
        "hidden": [300, 200],
        "prior": {"vamp": {"components": 500}},
        "samples": 5,
    }
    assert tables.network(recipe) == (
        "vae, gated 300-200, code 7x7x16, prior vamp components 500, samples 5"
    )


def test_the_command_recomputes(zoo, capsys):
    assert cli.main(["reproduce", "a-line"]) == 0
    shown = capsys.readouterr().out
    _, (x, _) = keras_ae.datasets.load("digits")
    error = np.mean((keras_ae.load("line").predict(x) - x) ** 2)
    # Four digits are shown.
    assert float(shown.split("seconds\n")[1].split()[0]) == pytest.approx(
        error, rel=1e-3
    )
    assert "reached: at most 1" in shown


def test_the_command_notices_another_number(zoo, monkeypatch, capsys):
    about = store.metadata("line")
    about["metrics"]["squared_error"]["value"] += 0.01
    monkeypatch.setattr(store, "metadata", lambda name: about)
    assert cli.main(["reproduce"]) == 1
    assert "a-line: linear autoencoder" in capsys.readouterr().out


def test_training_again_gives_the_recorded_number(zoo, capsys):
    assert cli.main(["reproduce", "a-line", "--train"]) == 0
    about = store.metadata(zoo / "line")["metrics"]
    again = store.metadata("runs/line/line")["metrics"]
    assert again == about
    assert f"{about['squared_error']['value']:.4g}" in capsys.readouterr().out


def test_a_budget_chooses_the_best_row_that_fits(monkeypatch):
    #: Preset -> binarization, minutes, nats.
    known = {
        "slow": ("dynamic", 40, 80.0),
        "good": ("dynamic", 14, 83.0),
        "fast": ("dynamic", 2, 90.0),
        "grey": (None, 1, 1.0),
    }
    rows = [
        dataclasses.replace(ROW, preset=name, figure="negative_log_likelihood")
        for name in known
    ]
    monkeypatch.setattr(reproduction, "recorded_rows", lambda: rows)

    def metadata(name):
        binarization, minutes, value = known[name]
        return {
            "data": {"name": "mnist", "binarization": binarization},
            "wall_time": 60 * minutes,
            "metrics": {"negative_log_likelihood": {"value": value}},
        }

    monkeypatch.setattr(store, "metadata", metadata)
    monkeypatch.setattr(store, "list_presets", lambda: [*known])
    chosen = {m: reproduction.within(m).preset for m in (2, 13, 15, 99)}
    assert chosen == {2: "fast", 13: "fast", 15: "good", 99: "slow"}
    with pytest.raises(ValueError, match="budget.*at least 2.0, minutes"):
        reproduction.within(1)


def test_a_budget_and_a_row(capsys):
    assert cli.main(["reproduce", "vae", "--budget", "15"]) == 2
    assert "Expected a row or --budget" in capsys.readouterr().err


def test_an_unknown_row(capsys):
    assert cli.main(["reproduce", "vea"]) == 2
    assert "Unknown row. Expected one of ['vae', " in capsys.readouterr().err


def test_a_preset_that_was_not_measured(zoo):
    row = dataclasses.replace(ROW, figure="probe_accuracy", measured=("probe",))
    with pytest.raises(
        ValueError, match=r"'line'.*\['probe'\].*Received: \[\]"
    ):
        reproduction.recompute(row)


def test_the_benchmark_writes_every_row(zoo, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path / "results")
    monkeypatch.setattr("sys.argv", ["reproduction"])
    benchmark.main()
    written = json.loads((tmp_path / "results/reproduction.json").read_text())
    result = written["rows"]["a-line"]
    recorded = store.metadata("line")["metrics"]["squared_error"]
    assert result["reproduced"] and result["recorded"] == recorded
    assert result["seconds"] > 0
    assert {v for v, _ in result["published"]} == {0.25, 0.5}


# The benchmark of samples.


def test_the_row_of_samples(zoo, monkeypatch):
    monkeypatch.setattr(reproduction, "ROWS", ())
    results = {
        "data": "mnist",
        "network": "mlp",
        "classifier": {"accuracy": 99.0},
        "samples": 10_000,
        "seeds": 3,
        "epochs": 20,
        "seconds": 600,
        "mixture": frechet.summary([1.0, 2.0, 3.0]),
        "prior": frechet.summary([4.0, 4.0, 4.0]),
        "difference": frechet.summary([-3.0, -2.0, -1.0]),
    }
    path = reproduction.BENCHMARKS / "frechet.json"
    path.write_text(json.dumps(results))
    found = cells(tables.published())
    # Deviation 1 over the root of 3.
    assert found["ours"] == "2.00 ± 0.58"
    assert found["published"].endswith("here 4.00 ± 0.00")
    assert found["ours - published"] == "-2.00 ± 0.58"
    assert (found["verdict"], found["minutes of training"]) == ("reached", "10")


@pytest.mark.parametrize(
    "errors, verdicts",
    [
        ((0.29, 0.292), ("reached", "reached")),
        ((0.29, 0.296), ("reached", "not reached")),
        ((0.293, 0.28), ("not reached", "reached")),
    ],
)
def test_the_row_of_filled_holes(zoo, monkeypatch, errors, verdicts):
    monkeypatch.setattr(reproduction, "ROWS", ())
    runs = [{"error": error, "seconds": 600} for error in errors]
    results = {"breast": {"published": dict(enumerate(runs))}}
    path = reproduction.BENCHMARKS / "imputation.json"
    path.write_text(json.dumps(results))
    found = cells(tables.published())
    first, mean = verdicts
    assert found["verdict"] == f"{first}: within 0.005; mean of seeds: {mean}"
    mean = sum(errors) / 2
    # Deviation |a - b| / sqrt(2) over the root of 2.
    gap = abs(errors[0] - errors[1]) / 2
    assert found["ours"].endswith(f"{mean:.4f} ± {gap:.4f}")
    assert found["ours - published"].endswith(f"; {mean - 0.2867:+.4f}")
