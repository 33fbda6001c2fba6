"""Packaging; tools are configured in pyproject.toml."""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$',
    (ROOT / "tfxdr/__init__.py").read_text(encoding="utf-8"),
    re.MULTILINE,
).group(1)

# Both stacks of TensorFlow. Every tf_keras pins the TensorFlow of its own
# minor version, so pip never pairs two minors. The upper end is the newest
# that the suite has run on.
TENSORFLOW = ">=2.15.1,<2.22"
OPTUNA = "optuna>=4,<6"
SERVING = f"tensorflow-serving-api{TENSORFLOW}"
# 1.8 was built against NumPy 1, and cannot be imported beside NumPy 2.
FAISS = "faiss-cpu>=1.9,<2"

setuptools.setup(
    name="tfxdr",
    version=VERSION,
    description="Cross-domain recommendation in TensorFlow",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    # The pack of tensorflow-addons is a plugin that comes along: it stands on
    # every stack, to say what it needs where that is not installed.
    packages=setuptools.find_packages(
        include=["tfxdr", "tfxdr.*", "tfxdr_addons"]
    ),
    # With a root that is named, an editable install is a plain path. With the
    # hook that it is otherwise, a clone called tfxdr hides the package from
    # whoever stands beside it: Python takes the folder for a namespace first.
    package_dir={"": "."},
    package_data={
        "tfxdr": [
            "py.typed",
            "presets/**/*.flags",
            "report/page.html",
        ]
    },
    python_requires=">=3.10,<3.14",
    install_requires=[
        f"tensorflow{TENSORFLOW}",
        f"tf_keras{TENSORFLOW}",
        "tensorflow-recommenders>=0.7.7",
        "absl-py>=2.1",
        "duckdb>=1.4",
        "jinja2>=3.1",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "rich>=13",
        "scipy>=1.11",
        "tensorboard>=2.15",
    ],
    extras_require={
        # tensorflow-addons is archived; it imports internals of Keras 2.15.
        "addons": [
            "tensorflow==2.15.1",
            "keras==2.15.*",
            "tf_keras==2.15.1",
            "tensorflow-addons==0.23.0",
            "tqdm>=4.60",
        ],
        "gpu": [f"tensorflow[and-cuda]{TENSORFLOW}"],
        "serving": [SERVING],
        # --export_retrieval=faiss.
        "faiss": [FAISS],
        # Logs that zstd compressed; Python reads the other kinds by itself.
        "zstd": ["zstandard>=0.22"],
        # --engine=spark. PySpark's tasks need the other two, and it warns of
        # pandas 3. The upper end is the newest that the tests have run on.
        "spark": ["pyspark>=4.0,<4.4", "pandas>=2.2,<3", "pyarrow>=18"],
        # Tuning for --mode=sweep; plain grids need it, too.
        "search": [OPTUNA],
        # ruff and mypy are pinned: their verdicts change between versions.
        "dev": [
            "build>=1.2",
            "hypothesis>=6.100",
            "ipykernel>=6.29",  # nbclient runs the notebook of docs/ in it
            "ir-measures>=0.3.6,<1",  # metrics are held against its
            "mkdocs>=1.6,<2",
            "mkdocs-material>=9.5,<10",
            "mkdocstrings[python]>=0.29,<2",
            # The last mkdocstrings of Python 3.10 cannot use a newer one.
            'pymdown-extensions<11; python_version < "3.11"',
            "mypy==2.4.1",
            "nbclient>=0.10",
            "pytest>=8",
            "pytest-xdist>=3.6",
            "ruff==0.17.6",
            "setuptools>=77",  # the build's, for a test without a network
            FAISS,
            OPTUNA,
            SERVING,
        ],
    },
    entry_points={
        "console_scripts": ["tfxdr=tfxdr.main:main"],
        "tfxdr.plugins": ["addons=tfxdr_addons"],
    },
    classifiers=[
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
