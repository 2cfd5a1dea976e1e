"""Certificates of small networks, and what the checker says of a folder."""

from __future__ import annotations

import json
import shutil

from helpers.certificates import Network, packed
from hypothesis import strategies as st

from validation import check_certificate as checker
from validation.data.digits import FILE

DIGITS = {"digits.csv": checker.HASHES[4]}


SMALL = st.integers(-9, 9)


@st.composite
def networks(draw, image=(8, 8), inputs=None, npz=False):
    """Networks of language 1 for images of this shape, every option in use."""
    k = draw(st.integers(1, 4))
    crop = draw(st.none() | st.just((0, 0, 0, 0)) | st.just((2, 0, 0, 2)))
    pool = draw(st.sampled_from([None, (1, 1), (2, 1), (1, 2), (2, 2)]))
    rows, columns = (image[0] - 2, image[1] - 2) if crop and crop[0] else image
    v, w = pool or (1, 1)
    length = (rows // v) * (columns // w)
    steps = draw(st.sampled_from([None, *(d for d in (1, 2, 3) if length % d == 0)]))
    d = steps or columns // w
    q = draw(st.integers(2, 5)) if npz else 10

    def block(height, width):
        return draw(
            st.lists(
                st.lists(SMALL, min_size=width, max_size=width), min_size=height, max_size=height
            )
        )

    e = {name: draw(st.integers(-6, 3)) for name in ("b_hidden", "w_hidden", "w_input")}
    e["b_output"] = draw(st.integers(0, 3))
    table = draw(st.none() | st.just([0, *range(1, 10)]) | st.just([0, *range(1, 30)]))
    apart = draw(st.integers(0, 1))
    return Network(
        sorted(draw(st.lists(SMALL, min_size=k, max_size=k))),
        block(k, k),
        block(k, d),
        block(q, k),
        block(1, q)[0],
        e=e,
        power=draw(st.integers(0, 10)),
        clip=draw(st.integers(0, 1)),
        crop=crop,
        pool=pool,
        d=steps,
        a=draw(st.integers(-2, 2)) if npz else None,
        again=draw(st.integers(0, 1)),
        biased=draw(st.integers(0, 1)),
        tables={"w_input": table, "w_output": table} if table else {},
        D=0 if table else draw(st.integers(-3, 3)),
        apart=apart,
    )


def decoded(network, task="digits", shape=(8, 8), x0=16):
    bits = network.bits()
    return checker.decode({"bits": len(bits), "task": task, "language": 1}, packed(bits), shape, x0)


def verdict(capsys, folder, *words):
    """Exit code and the one line that is printed."""
    code = checker.main([str(folder), *words], [str(FILE.parent)])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    word = captured.out.split(":")[0]
    assert word == {0: "VALID", 1: "INVALID", 2: "CANNOT CHECK"}[code]
    return code, captured.out


def tiny(bias=0):
    """Two nodes that see the rows' sums, and ten classes."""
    return Network(
        [-4, 3],
        [[3, -1], [0, 2]],
        [[1] * 8, [0, 0, 1, 2, 2, 1, 0, -1]],
        [[c - 4, 9 - 2 * c] for c in range(10)],
        [bias + c * (9 - c) for c in range(10)],
        e={"w_hidden": -2, "w_input": -1, "b_hidden": 0, "b_output": 2},
        power=7,
    )


def changed(certificate, tmp_path, **fields):
    """A copy with other fields; None takes one away."""
    folder = tmp_path / "changed"
    shutil.copytree(certificate, folder, dirs_exist_ok=True)
    said = json.loads((folder / "certificate.json").read_text())
    said.update(fields)
    said = {name: value for name, value in said.items() if value is not None}
    (folder / "certificate.json").write_text(json.dumps(said))
    return folder


def said_in(certificate):
    return json.loads((certificate / "certificate.json").read_text())
