"""How the false lemmas are written: new statements, and true claims with other constants.

`why` says in one line why the lemma is wrong; it takes the place of a proof.
"""

from __future__ import annotations

import dataclasses

from validation import claim

SOURCE = "wrong on purpose"


@dataclasses.dataclass(frozen=True)
class Lemmas:
    """The false lemmas of one section of the theory, defined in one module."""

    section: str
    module: str

    def claim(self, name, statement, instances, *, why, **options):
        """A false lemma of the body below; `options` are those of `validation.claim`."""
        return claim(
            f"false.{self.section}.{name}",
            statement,
            instances,
            source=SOURCE,
            section=self.section,
            proof=why,
            **options,
        )

    def mutated(self, true, name, why, *, statement=None, **changes):
        """A true claim with other constants, or without some of its hypotheses.

        Entries of `changes` that name a field of a claim replace it, the others are constants.
        """
        fields = {f.name for f in dataclasses.fields(true)}
        constants = {name: value for name, value in changes.items() if name not in fields}
        replaced = {name: value for name, value in changes.items() if name in fields}
        values = ", ".join(f"{constant} = {value}" for constant, value in constants.items())
        suffix = rf" \text{{ with }} {values}" if values else ""
        return dataclasses.replace(
            true.with_constants(**constants),
            id=f"false.{self.section}.{name}",
            statement=statement or true.statement + suffix,
            source=SOURCE,
            section=self.section,
            label="",
            proof=why,
            code="",
            steps=(),
            symbolic=None,  # it would prove the true statement
            module=self.module,
            **replaced,
        )
