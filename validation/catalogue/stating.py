"""How the catalogue states its claims: one `Section` a module says what its claims share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from validation.claims import Body, Claim, claim


@dataclass(frozen=True)
class Section:
    """The claims of one section of docs/theory.md.

    Attributes
    ----------
    number : str
        A key of `validation.catalogue.sections.SECTIONS`.
    sources : mapping
        The usual source of a label's claims; by default the section itself.
    """

    number: str
    sources: Mapping[str, str] = field(default_factory=dict)

    def paper(self, id, statement, instances, **options):
        """A result that the project exists to check; `options` are those of `claim`."""
        return self._claim("paper", id, statement, instances, options)

    def classic(self, id, statement, instances, **options):
        """A tool that the results rest on; `options` are those of `claim`."""
        return self._claim("classic", id, statement, instances, options)

    def sharper(self, id, statement, instances, **options):
        """An improvement that is proved here; `options` are those of `claim`."""
        return self._claim("sharper", id, statement, instances, options)

    def _claim(self, label, id, statement, instances, options):
        source = self.sources.get(label, f"section {self.number} of the theory")
        shared = {"source": source, "section": self.number, "label": label}
        return claim(id, statement, instances, **{**shared, **options})


Decorator = Callable[[Body], Claim]
