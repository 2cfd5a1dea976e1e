"""Every notebook runs from top to bottom; its own assertions hold, and its outputs are shown."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
# The others run with the long tests.
QUICK = ("the_theorem_term_by_term", "check_your_own_lemma", "a_certificate_and_tampering")
STORIES = (
    "a_certificate_and_tampering",
    "check_your_own_lemma",
    "how_many_nodes",
    "other_peoples_bounds",
    "prune_a_real_network",
    "the_theorem_term_by_term",
    "where_a_proof_loses",
)
RUN = [
    pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.long, id=path.stem)
    for path in NOTEBOOKS
]


def test_there_are_seven_notebooks_and_three_of_them_run_by_default():
    assert tuple(path.stem for path in NOTEBOOKS) == STORIES
    assert len([param for param in RUN if not param.marks]) == 3


@pytest.mark.parametrize("path", RUN)
def test_a_notebook_runs_in_less_than_two_minutes(path, tmp_path):
    if "import torch" in path.read_text("utf-8"):
        pytest.importorskip("torch")
    with warnings.catch_warnings():
        # Importing Jupyter's own packages is not what is tested.
        warnings.simplefilter("ignore")
        from nbclient import NotebookClient

        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook,
            timeout=120,
            kernel_name="python3",
            resources={"metadata": {"path": str(tmp_path)}},
        )
        start = time.monotonic()
        client.execute()
    assert time.monotonic() - start < 120


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_with_its_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    # Imports show nothing, and a notebook may define what it uses in a cell of its own.
    assert sum(bool(cell.outputs) for cell in code) >= len(code) - 4
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_plots(path):
    notebook = nbformat.read(path, as_version=4)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert [out for out in outputs if "image/png" in out.get("data", {})]
