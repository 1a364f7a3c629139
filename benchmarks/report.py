"""One table of what the benchmarks found: `python -m benchmarks.report`.

Written to `benchmarks/README.md` from `benchmarks/results/*.json`; a benchmark
that was not run is left out, a device that was not there has no column filled.
"""

from collections.abc import Callable
from pathlib import Path

from benchmarks import common
from benchmarks import report_data
from benchmarks import scale_start as scale
from keras_ae.core import markdown

#: Model, contestant -> the least speed relative to it that is asked for.
ASKED = {
    ("dense", "hand-written XLA loop"): 0.9,
    ("dense-10", "hand-written XLA loop"): 0.95,
    ("dense", "Pythae"): 2.5,
    ("dense", "stock Keras"): 1.8,
    ("dense", "JAX, Python loop"): 1.3,
    ("iwae", "hand-written XLA loop"): 0.9,
}
#: Encoder, penalty -> the most steps that are asked for.
STEPS = {
    ("dense-1", "exact"): "at most 2.5",
    ("dense-2", "exact"): "at most 2.5",
    ("dense-1", "Hutchinson, 1 probe"): "at most 2",
    ("dense-2", "Hutchinson, 1 probe"): "at most 2",
    ("conv", "Hutchinson, 1 probe"): "at most 2",
}
#: Model -> what was trained.
_NETWORKS = {
    "dense": "dense network, three passes",
    "dense-10": "dense network, ten passes",
    "conv": "conv network, three passes",
    "iwae": "iwae network, three passes",
}
FORMS = ("eager", "tf.function", "XLA", "SavedModel")


def training(found: dict) -> list[list[str]]:
    """Speed of `fit` relative to every other loop."""
    rows = []
    for model in ("dense", "dense-10", "conv", "iwae"):
        ratios = found.get(model, {}).get("speed of keras_ae relative to", {})
        for other, ratio in ratios.items():
            asked = ASKED.get((model, other))
            if other != "keras_ae":
                rows.append(
                    [
                        f"`fit`, {_NETWORKS[model]}, against {other}",
                        f"{ratio:.2f} times as fast",
                        "" if asked is None else f"at least {asked}",
                    ]
                )
    hand = [
        ratio
        for other, ratio in found["conv"][
            "speed of keras_ae relative to"
        ].items()
        if other.startswith("hand-written")
    ]
    return rows + [
        [
            "`fit`, conv network, against the faster hand-written loop",
            f"{min(hand):.2f} times as fast",
            "at least 0.95",
        ]
    ]


def finite(found: dict) -> list[list[str]]:
    """The watch over numbers that are not finite."""
    return [
        [
            f"`fit`, {_NETWORKS[model].split(',')[0]}, with the watch over "
            "numbers that are not finite, against without",
            f"{result['ratio']:.3f} times as long, "
            f"{result['interval'][0]:.3f} to {result['interval'][1]:.3f}",
            "at most 1.01",
        ]
        for model, result in found.items()
        if model != "machine"
    ]


def likelihood(found: dict) -> list[list[str]]:
    """The importance-sampled log-likelihood."""
    return [
        [
            "`log_likelihood`, 5,000 samples, against a hand-written XLA loop",
            f"{found['ratio']:.2f} times as fast",
            "at least 0.8",
        ],
        [
            "peak memory of that process",
            f"{found['peak MB']:.0f} MB",
            "at most 2,000 MB",
        ],
    ]


def startup(found: dict) -> list[list[str]]:
    """What the import adds to TensorFlow's."""
    return [
        [
            "`import keras_ae` after `import tensorflow`",
            f"{found['import adds']:.2f} s",
            "at most 0.6 s",
        ],
        *(
            [name, f"{value:.1f} MB", ""]
            for name, value in found.get("megabytes", {}).items()
        ),
    ]


def scaling(found: dict) -> list[list[str]]:
    """Peak memory of `fit` from a stream."""
    peaks = [
        f"{int(rows):,} rows: {peak:.0f} MB"
        for rows, peak in found["stream"].items()
    ]
    return [
        [
            "peak memory of a process that fits a stream",
            "; ".join(peaks),
            "does not grow",
        ]
    ]


def short_fits(found: dict) -> list[list[str]]:
    """Seconds of fits with the defaults, compilation counted."""
    return [
        [
            f"{work} with the defaults, against the better of XLA and graph",
            f"{result['times the better']['default']:.2f} times as long",
            "at most 1.1",
        ]
        for work, result in found.items()
        if work != "machine"
    ]


def memory(found: dict) -> list[list[str]]:
    """Peak memory of a process that fits rows of bytes."""
    peaks = [
        f"{result['MB of rows']:,.0f} MB of rows: {result['peak MB']:,.0f} MB"
        for key, result in found.items()
        if key != "machine"
    ]
    return [
        [
            "peak memory of a process that fits bytes in memory",
            "; ".join(peaks),
            "the rows, half a GB, and what an empty process needs",
        ]
    ]


def jacobians(found: dict) -> list[list[str]]:
    """The contractive penalty in plain training steps."""
    worst: dict[tuple, float] = {}
    for result in found["results"]:
        for name, figure in result["figures"].items():
            key = result["encoder"], name
            worst[key] = max(worst.get(key, 0.0), figure["plain_steps"])
    return [
        [
            f"contractive step, {encoder} encoder, {penalty}, any latent size",
            f"at most {steps:.2f} plain steps",
            STEPS.get((encoder, penalty), ""),
        ]
        for (encoder, penalty), steps in worst.items()
        if penalty != "plain"
    ]


def representations(found: dict) -> list[list[str]]:
    """Linear classifiers on codes of 1,000 units."""
    return [
        [
            f"linear classifier on the code, {family}",
            f"{100 * result['accuracy']:.2f} +- "
            f"{100 * result['standard_error']:.2f} %",
            "plain < denoising <= contractive; plain < masked",
        ]
        for family, result in found["results"].items()
    ]


def scale_start(found: dict) -> list[list[str]]:
    """Starts of a learned deviation, after the long training."""
    rows = []
    for name, result in found["results"].items():
        for start, runs in result["starts"].items():
            values = scale.summary(runs["long"])
            bound, distance = values["negative ELBO"], values["distance"]
            rows.append(
                [
                    f"shared deviation of {name}, start {start}",
                    f"{bound[0]:.1f} +- {bound[1]:.1f} nats held out; samples "
                    f"{distance[0]:.3f} +- {distance[1]:.3f} of the variance "
                    "away",
                    "",
                ]
            )
    return rows


def inference(found: dict) -> str:
    """A row for each preset, latency at batch 1 and throughput at 256."""
    head = ["preset", "device"]
    head += [f"{form}, ms" for form in FORMS]
    head += [f"{form}, examples/s" for form in FORMS]
    rows = []
    for device, presets in found.items():
        if device == "machine":
            continue
        for name, forms in presets.items():
            latencies = [f"{forms[f]['latency ms']:.2f}" for f in FORMS]
            speeds = [f"{forms[f]['examples/s']:,.0f}" for f in FORMS]
            rows.append([f"`{name}`", device, *latencies, *speeds])
    return markdown.table(head, rows)


def portable(found: dict) -> str:
    """A row for each preset and precision, columns for each device; a device
    that was not there leaves its own empty."""
    devices = dict.fromkeys((*DEVICES, *found))
    head = ["preset", "precision"]
    for device in devices:
        head += [f"{device}: {figure}" for figure in _FIGURES]
    presets = dict.fromkeys(n for d in found.values() for n in d["presets"])
    rows = []
    for name in presets:
        for precision in ("float32", "bfloat16"):
            row = [f"`{name}`", precision]
            for device in devices:
                by_name = found.get(device, {}).get("presets", {})
                row += _portable_cells(by_name.get(name, {}).get(precision))
            rows.append(row)
    return markdown.table(head, rows)


#: Devices that have columns whether they were there or not.
DEVICES = ("cpu", "gpu")
_FIGURES = ("ms", "examples/s", "MB", "of peak")


def _portable_cells(sizes: dict | None) -> list[str]:
    if sizes is None:
        return [""] * len(_FIGURES)
    one, many = sizes["1"], sizes["256"]
    return [
        f"{one['seconds'] * 1e3:.3f}",
        f"{many['examples/s']:,.0f}",
        f"{many['memory MB']:.1f}",
        f"{many['share of peak']:.0%}",
    ]


SECTIONS: dict[str, Callable[[dict], list[list[str]]]] = {
    "training": training,
    "finite": finite,
    "likelihood": likelihood,
    "startup": startup,
    "scaling": scaling,
    "short_fits": short_fits,
    "memory": memory,
    "jacobians": jacobians,
    "representations": representations,
    "scale_start": scale_start,
}


def report() -> str:
    """The page, in Markdown."""
    rows, machine, versions = [], {}, {}
    for name, section in SECTIONS.items():
        found = common.read(name)
        if found:
            machine = found["machine"]
            versions |= machine["versions"]
            rows += section(found)
    lines = [
        "# Benchmarks",
        "",
        "Made by `python -m benchmarks.report` from `results/`; each figure "
        "comes from one run of `python -m benchmarks.NAME`, in which what is "
        "compared alternates. Ratios are medians over rounds.",
        "",
        f"{machine['processor']}, {machine['cores']} cores; "
        + ", ".join(f"{k} {v}" for k, v in versions.items())
        + "; "
        f"{machine['date']}.",
        "",
        markdown.table(["measured", "found", "asked"], rows),
    ]
    rows = [
        row
        for name, section in report_data.SECTIONS.items()
        if (found := common.read(name))
        for row in section(found)
    ]
    lines += [
        "",
        "## Data",
        "",
        "Figures on test rows, one recipe for all sets of a benchmark; choices "
        "that were made looking at test rows are named in its module.",
        "",
        markdown.table(report_data.HEAD, rows),
    ]
    found = common.read("inference")
    if found:
        lines += [
            "",
            "## Pretrained models",
            "",
            "Latency of one example and throughput at batch 256 of "
            "`reconstruct`, form by form.",
            "",
            inference(found),
        ]
    found = common.read("portable")
    if found:
        peaks = "; ".join(
            f"{device}: {about['device']['kind']}, JAX "
            f"{about['device']['jax']}, {about['device']['date']}, peak "
            + ", ".join(
                f"{peak / 1e9:,.0f} GFLOP/s in {precision}"
                for precision, peak in about["peak"].items()
            )
            for device, about in found.items()
        )
        lines += [
            "",
            "## Portable programs",
            "",
            "The same presets as StableHLO programs, run by JAX alone "
            "(`python -m benchmarks.portable pack`, then `python "
            "portable.zip --output benchmarks/results/portable.json` on the "
            "device): latency of one example; throughput at batch 256, with "
            "the memory of that program, and its share of the peak, which a "
            "product of large matrices of the same type measures. All "
            "answers were compared with those of TensorFlow on a CPU.",
            "",
            f"{peaks}.",
            "",
            portable(found),
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(common.RESULTS.parent, "README.md").write_text(report())
