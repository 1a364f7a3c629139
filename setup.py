import re
from pathlib import Path

from setuptools import find_packages
from setuptools import setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$',
    (HERE / "keras_ae" / "__init__.py").read_text(encoding="utf-8"),
    re.MULTILINE,
)[1]
# The first tf2onnx that does not hold protobuf below the version that
# TensorFlow needs; the first ONNX and its runtime that run on NumPy 2; the
# first OpenVINO that does. JAX reads StableHLO: 0.5 has `jax.export`'s
# `Exported` as the reader uses it; what TensorFlow writes, 0.10 on, which needs
# NumPy 2 and is asked for when it is used.
JAX = "jax>=0.5"
EXPORT = [
    "tf2onnx>=1.17",
    "onnx>=1.17",
    "onnxruntime>=1.20",
    "openvino>=2024.5",
    JAX,
]
# Files of tables, and folders of images. The first pandas on NumPy 2; the first
# pyarrow that runs nothing that a file tells it to; the oldest Pillow of those
# tried that tells images of 16 bits.
DATA = ["pandas>=2.2.2", "pyarrow>=14.0.1", "pillow>=11"]
# Writes the scripts by which shells complete.
COMPLETION = ["shtab>=1.7"]
# Sparse dictionaries as they are published; the first on NumPy 2.
DICTIONARIES = ["safetensors>=0.4.3"]

setup(
    name="keras-ae",
    version=VERSION,
    description="Autoencoders on Keras 3 and TensorFlow Probability",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    # What a wheel holds beside the package, in its folder of metadata.
    license_files=["LICENSE", "SECURITY.md"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    keywords=["autoencoder", "vae", "keras", "tensorflow"],
    # hashlib.file_digest is new in 3.11.
    python_requires=">=3.11",
    install_requires=[
        # The first release with the fixes for files that come from others:
        # asset bombs, HDF5 group checks, restricted unpickling. The ceiling is
        # the next minor release: core/backend.py uses some of Keras that is
        # not documented, and such things change between minor releases; the
        # tests of that file tell whether a new one may be allowed.
        "keras>=3.15.1,<3.16",
        # TensorFlow Probability 0.25 refuses to be imported below 2.18. The
        # ceiling is the release after the one that was tested: TensorFlow
        # promises nothing across minor releases for what Probability uses.
        "tensorflow>=2.18,<2.22",
        # Imported by TensorFlow Probability; each release of it fits one
        # minor release of TensorFlow, which pip chooses to match.
        "tf-keras>=2.18",
        # The release that was tested; it does not follow Keras, so that a new
        # one is tried before it is allowed. The extra makes it bring tf-keras.
        "tensorflow-probability[tf]>=0.25,<0.26",
        # Floor of TensorFlow 2.18.
        "numpy>=1.26",
        # Compares versions, for `keras-ae doctor`; as setuptools 77 needs it.
        "packaging>=24.2",
        # Brings the digits, and what estimators are; `validate_data` is new
        # in 1.6.
        "scikit-learn>=1.6",
        "scipy>=1.13",
        # Draws the pictures; 3.10 has Petroff's ten colors, its early releases
        # do not know today's pyparsing.
        "matplotlib>=3.10.8",
    ],
    extras_require={
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.8",  # the first with --no-loadscope-reorder
            "hypothesis>=6.100",
            *DATA,
            *DICTIONARIES,
            # Builds the wheel that is tested; as pyproject.toml asks for.
            "setuptools>=77.0.1",
            "ruff>=0.9",
            "import-linter>=2.1",
            *EXPORT,
            *COMPLETION,
        ],
        # Writes ONNX, OpenVINO and StableHLO files, checks and runs them.
        "export": EXPORT,
        # `keras_ae.data.load` of tables and images.
        "data": DATA,
        # `keras-ae completion`.
        "completion": COMPLETION,
        # `python -m tools.docs` builds the site, and runs the gallery for it.
        "docs": [
            "sphinx>=8",
            "myst-parser>=4",
            "sphinx-gallery>=0.18",
            "furo>=2024.8.6",
            *DATA,
            *EXPORT,
        ],
        # `keras_ae.zoo.sae_lens`.
        "dictionaries": DICTIONARIES,
        # Rivals to be timed against.
        "bench": ["torch>=2.4", JAX, "optax>=0.2", "pythae>=0.1.2"],
    },
    # The folder zoo/ is installed as keras_ae/zoo/data.
    packages=[*find_packages(include=["keras_ae*"]), "keras_ae.zoo.data"],
    package_dir={"keras_ae.zoo.data": "zoo"},
    package_data={
        "keras_ae.jobs.explorer": ["explorer.*"],
        "keras_ae.zoo.data": [
            "*.json",
            "figures/*.json",
            "presets/*.json",
            "presets/*/*",
            "recipes/*.json",
        ],
    },
    # A script, not an entry point: an entry point would import the package,
    # and TensorFlow with it, before `--help` could be answered.
    scripts=["keras_ae/bin/keras-ae"],
)
