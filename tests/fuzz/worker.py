"""A worker: alters copies of presets, loads them, and says what came of it."""

import hashlib
import json
import os
import shutil
import signal
import sys
import warnings
from multiprocessing.connection import Connection
from pathlib import Path

#: Outcomes, and whether one of them is too many.
EQUAL = "loads, the same answers"
OTHER = "loads under a hash of its own, other answers"
USELESS = "loads under a hash of its own, refuses the rows"
REFUSED = "refused by the package's error"
ALTERED = "OTHER ANSWERS UNDER AN UNCHANGED HASH"
FOREIGN = "ANOTHER ERROR"
TIME = "OVER THE LIMIT OF TIME"
MEMORY = "OVER THE LIMIT OF MEMORY"
CRASH = "CRASH"
OUTCOMES = {
    **dict.fromkeys((EQUAL, OTHER, USELESS, REFUSED), False),
    **dict.fromkeys((ALTERED, FOREIGN, TIME, MEMORY, CRASH), True),
}


def peak(anew: bool = False) -> float:
    """The most megabytes that this process had in use."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(v for v in lines if v.startswith("VmHWM")).split()[1]) / 1e3


def run(connection: Connection, seed: int, scratch: str) -> None:
    """Answer each index with what is altered, and with what came of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    sys.stdout = open(os.devnull, "w")  # progress bars
    fuzzer = Fuzzer(seed, Path(scratch))
    connection.send("ready")
    while True:
        name, preset, same, what = fuzzer.alter(connection.recv())
        connection.send(what)
        peak(anew=True)
        outcome, error = fuzzer.outcome(name, preset, same)
        connection.send((outcome, f"{what}{error}", peak()))


class Fuzzer:
    """Presets, their answers, and one mutation an index."""

    def __init__(self, seed: int, scratch: Path):
        import keras_ae
        from keras_ae.zoo import store

        self.seed, self.scratch = seed, scratch
        self.presets = sorted(store.find("vae_digits").parent.iterdir())
        os.environ["FUZZ_PRESETS"] = str(self.presets[0].parent)
        os.environ["KERAS_AE_ZOO"] = str(scratch / "zoo")
        os.environ["KERAS_AE_CACHE"] = str(scratch / "cache")
        self.answers: dict[Path, bytes] = {}
        keras_ae.load(self.presets[0])

    def alter(self, index: int) -> tuple[str | Path, Path, bool, str]:
        """Make an altered copy.

        Returns:
            Its name, the preset, whether its hashes are the same, in words.
        """
        import numpy as np

        from tests.fuzz import mutations

        shutil.rmtree(self.scratch, ignore_errors=True)
        (self.scratch / "zoo").mkdir(parents=True)
        rng = np.random.default_rng([self.seed, index])
        preset = mutations.pick(rng, self.presets)
        if preset not in self.answers:
            self.answers[preset] = self.answer(preset, preset)
        folder = Path(shutil.copytree(preset, self.scratch / "copy"))
        if rng.random() < 0.05:
            name, same = "far", False
            what = self.archive(folder, rng)
        else:
            kinds = list(mutations.KINDS)
            chances = list(mutations.KINDS.values())
            kind = kinds[rng.choice(len(kinds), p=chances)]
            name, what = folder, kind(folder, rng)
            same = rng.random() < 0.2 or not self.rehash(folder)
        what = f"{preset.name}: {what}{'' if same else ', rehashed'}"
        return name, preset, same, what

    def outcome(
        self, name: str | Path, preset: Path, same: bool
    ) -> tuple[str, str]:
        """What comes of loading a copy, and the error in words."""
        from keras_ae.zoo.errors import PresetError

        try:
            answer = self.answer(name, preset)
        except PresetError as error:
            return REFUSED, f": {error}"
        except Exception as error:
            return FOREIGN, f": {type(error).__name__}: {error}"
        if answer == self.answers[preset]:
            return EQUAL, ""
        if same:
            return ALTERED, ""
        return (OTHER if answer else USELESS), ""

    def rehash(self, folder: Path) -> bool:
        """Make the hashes in the metadata agree; False if they did before."""
        path = folder / "metadata.json"
        try:
            if path.stat().st_size > 10**7:
                return False
            about = json.loads(path.read_text())
            old, found = about["sha256"], {}
            for name in ("config.json", "model.weights.h5"):
                if (folder / name).stat().st_size > 2 * 10**9:
                    return False
                with open(folder / name, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256")
                found[name] = digest.hexdigest()
            about["sha256"] = found
            path.write_text(json.dumps(about))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return False
        return old != found

    def archive(self, folder: Path, rng) -> str:
        """The folder as an altered archive that the zoo has an entry of."""
        from tests.fuzz import mutations

        about = json.loads((folder / "metadata.json").read_text())
        path = self.scratch / "far.zip"
        shutil.make_archive(str(path.with_suffix("")), "zip", folder)
        change = mutations.pick(rng, mutations.BYTES)
        content = bytes(change(bytearray(path.read_bytes()), rng))
        path.write_bytes(content)
        entry = {
            "url": path.as_uri(),
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "metadata": about,
        }
        (self.scratch / "zoo" / "far.json").write_text(json.dumps(entry))
        return f"{change.__name__} in the archive"

    def answer(self, name: str | Path, preset: Path) -> bytes:
        """What the model of a preset answers, or nothing where it cannot.

        Metadata and card are made too.
        """
        import numpy as np

        import keras_ae
        from keras_ae.zoo import card
        from keras_ae.zoo import store

        card.card(store.metadata(name))
        keras_ae.list_presets()
        model = keras_ae.load(name)
        shape = (3, 8, 8, 1) if "digits" in preset.name else (3, 28, 28, 1)
        x = np.random.default_rng(0).random(shape, np.float32)
        if preset.name.startswith("conditional"):
            x = (x, np.arange(3))
        try:
            return np.asarray(model(x)).tobytes()
        except Exception:
            return b""
