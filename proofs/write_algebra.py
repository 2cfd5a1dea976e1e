"""Write algebra.json beside this: which statements of the catalogue are proved by algebra.

    python proofs/write_algebra.py [--seconds 6] [ids]

Every deterministic claim is tried at m = 1 and m = 2, so many seconds each; entries of claims that
are not named stay.
"""

from __future__ import annotations

import argparse
import json

import validation.catalogue
from validation.claims import ClaimError
from validation.proving.algebra import proof_by_algebra
from validation.proving.committed import FILE, Entry, committed, mark


def main() -> None:
    """Try, print a line for what is proved, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--seconds", type=float, default=6.0)
    asked = parser.parse_args()
    found = dict(committed())
    for claim in validation.catalogue.claims():
        if not claim.deterministic or (asked.ids and claim.id not in asked.ids):
            continue
        entries = []
        for m in (1, 2) if "m" in claim.instances.sizes else (0,):
            sizes = {"m": [m]} if m else {}
            try:
                proof = proof_by_algebra(claim, sizes, {}, asked.seconds)
            except ClaimError:
                continue
            # A proof that needs a box of its own is not one of the statement.
            same = mark(claim, sizes)
            if not isinstance(proof, str) and same:
                text = f"m = {m}" if m else ""
                entries.append(Entry(text, proof.statement, proof.method, same))
                print(f"{claim.id} {text}: {proof.method}, {proof.seconds:.1f} s", flush=True)
        found.pop(claim.id, None)
        if entries:
            found[claim.id] = tuple(entries)
    FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
