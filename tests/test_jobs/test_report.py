"""Reports: their figures are those of the functions that make them."""

import json
import re

import numpy as np
import pytest
import scipy.sparse
from sklearn import metrics

import keras_ae
from keras_ae.analysis import frechet
from keras_ae.cli import main as cli
from keras_ae.core import registry
from keras_ae.jobs.report import sections
from keras_ae.jobs.report.case import Case
from keras_ae.zoo import splits
from keras_ae.zoo import store

SAMPLES = 20


def case(model, x):
    """What a report is about, for one section alone."""
    rows, codes = model.as_rows(x), model.embed(x)
    return Case(model, rows, None, None, np.asarray(codes), None, 5, {}, 0, 0)


@pytest.fixture(scope="module")
def digits():
    """Model, test rows, labels 1 for one digit, and their report."""
    model = keras_ae.load("vae_digits")
    recipe = store.metadata("vae_digits")["recipe"]
    _, (x, y) = splits.of(recipe["data"])[1]
    x, y = x[:200], (y[:200] == 3).astype(int)
    factors = np.stack([y, np.arange(200) % 4], axis=1)
    return model, x, y, keras_ae.report(model, x, y, factors, samples=SAMPLES)


def test_figures_are_those_of_the_package(digits):
    model, x, y, found = digits
    log_p = keras_ae.evaluation.log_likelihood(model, x, SAMPLES)
    nll = found.figures["negative_log_likelihood"]
    assert nll["value"] == pytest.approx(-log_p.mean(), abs=1e-4)
    error = log_p.std(ddof=1) / np.sqrt(200)
    assert nll["standard_error"] == pytest.approx(error, abs=1e-4)
    rate, distortion, bound = (
        found.figures[name]["value"]
        for name in ("rate", "distortion", "negative_elbo")
    )
    assert rate + distortion == pytest.approx(bound, abs=1e-4)
    scores = -model.score_samples(x)
    assert bound == pytest.approx(scores.mean(), abs=1e-4)
    assert found.figures["anomaly_auroc"]["value"] == pytest.approx(
        metrics.roc_auc_score(y, scores), abs=1e-6
    )
    kl = found.figures["kl_of_units"]["value"]
    assert sum(kl) == pytest.approx(rate, abs=1e-3)


def test_every_section_has_figures_or_says_why_not(digits):
    *_, found = digits
    assert {f["section"] for f in found.figures.values()} == {
        "Loss",
        "Likelihood",
        "Code",
        "Classes",
        "Samples",
        "Factors",
        "Anomalies",
    }
    assert [*found.missing] == ["predictive_checks", "picture of manifold"]
    assert {"examples", "code", "units", "traversals"} <= {*found.pictures}


def test_pages_say_the_same(digits, tmp_path):
    *_, found = digits
    found.save(tmp_path / "folder")
    found.save(tmp_path / "one.md")
    page = (tmp_path / "folder" / "report.html").read_text()
    content = json.loads((tmp_path / "folder" / "report.json").read_text())
    assert content["figures"] == found.figures
    assert content["missing"] == found.missing
    text = (tmp_path / "folder" / "report.md").read_text()
    assert (tmp_path / "one.md").read_text() == text
    for name in [*found.figures, *found.missing]:
        assert name.replace("_", " ") in page and name.replace("_", " ") in text
    # Nothing is loaded from elsewhere, and each picture is inside.
    assert not re.search(r"https?://|<script|<link", page)
    assert page.count('src="data:image/png') == len(found.pictures)
    with pytest.raises(ValueError, match="folder, or a file of"):
        found.save(tmp_path / "report.pdf")


def test_what_cannot_be_computed_is_named_with_the_reason():
    model = keras_ae.Autoencoder.create((8,), 2, hidden=(8,))
    x = np.random.default_rng(0).random([30, 8])
    found = keras_ae.report(model, x, np.linspace(0, 1, 30))
    assert "no prior" in found.missing["negative_log_likelihood"]
    assert "fit_sampler" in found.missing["frechet_distance"]
    assert "30 values of type float64" in found.missing["probe"]
    assert "`factors`" in found.missing["dci"]
    with pytest.raises(ValueError, match=r"one for each row.*shape \(3,\)"):
        keras_ae.report(model, x, [0, 1, 2])


def test_a_table_is_compared_column_by_column():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=150), "b": rng.choice(["u", "v"], 150)}
    )
    space = keras_ae.spaces.Table.from_frame(frame)
    model = keras_ae.VAE.create(space, 2, hidden=(8,), seed=0)
    asked = case(model, frame)
    found = sections.predictive_checks(asked)
    assert 0 < found["marginals"]["value"] < 1
    with pytest.raises(ValueError, match="different units"):
        sections.squared_error(asked)


def test_counts_are_checked_against_replicates():
    """Counts of 7 alone: no replicate is without zeros, or as even."""
    x = scipy.sparse.csr_array(np.full([60, 5], 7))
    space = keras_ae.spaces.Counts.from_counts(x)
    model = keras_ae.VAE.create(space, 2, hidden=(8,), seed=0)
    found = sections.predictive_checks(case(model, x))
    assert found["share_of_zeros_p_value"]["value"] == 1
    assert found["dispersion_p_value"]["value"] == 1


def test_frechet_distance_of_normal_laws():
    """Of N(0, I) and N(m, 4 I) it is |m|^2 + d, up to the error of moments."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 20_000, 3))
    found = frechet.distance(one, 1.0 + 2.0 * other)
    assert found == pytest.approx(3 + 3, rel=0.03)


def test_a_recorded_likelihood_is_taken_over():
    model = keras_ae.VAE.create((3,), 2, hidden=(4,), seed=0)
    recorded = store.metadata("vae_mnist")["metrics"]
    asked = case(model, np.zeros([4, 3]))._replace(recorded=recorded)
    found = sections.negative_log_likelihood(asked)["negative_log_likelihood"]
    assert found["value"] == 84.193478
    assert "recorded in its card" in found["estimator"]


@pytest.mark.long
@pytest.mark.parametrize("name", registry.variants())
def test_every_variant_has_a_report(name):
    arguments, x = registry.get(name).contract_case()
    model = registry.create(name, **arguments)
    found = keras_ae.report(model, x, np.arange(32) % 2, samples=3)
    assert "units" in found.pictures and "active_units" in found.figures
    assert json.loads(found.to_json())["about"]["variant"]


def test_the_command_writes_a_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["--rows", "60", "--out", "page.json"]
    assert cli.main(["report", "autoencoder_digits", *options]) == 0
    assert "Wrote page.json" in capsys.readouterr().out
    content = json.loads((tmp_path / "page.json").read_text())
    assert content["about"]["name"] == "autoencoder_digits"
    assert content["figures"]["squared_error"]["rows"] == 60
