"""THEORY.md is generated; the committed copy is current."""

from pathlib import Path

from validation.catalogue import claims
from validation.commands.theory import document

COPY = Path(__file__).parents[1] / "THEORY.md"


def test_the_committed_document_is_what_the_command_writes():
    assert COPY.read_text() == document(claims()), "run `rnnbounds theory > THEORY.md`"


def test_every_claim_has_a_statement_a_source_and_a_section():
    for claim in claims():
        assert claim.statement.strip(), claim.id
        assert claim.source.strip(), claim.id
        assert claim.section, claim.id
