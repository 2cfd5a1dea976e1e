"""Formulas as MathML, which browsers draw by themselves: no script, no network.

Browsers do not break the lines of MathML. A formula is therefore written as several that stand
beside one another, cut where one would cut it by hand: a line ends between two where it must.
"""

from __future__ import annotations

import functools
import re
from html import escape
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert

RELATIONS = frozenset("≤≥=<>≠≈∼⪯⪰≼≽→⇒⟹⟺⇔:")
SIGNS = frozenset("+−-±")
OPEN, CLOSE, BARS = frozenset("([{⟨⌊⌈"), frozenset(")]}⟩⌋⌉"), frozenset("‖|∥∣")
LONG = 36
"""Characters of a product; a longer one is cut between its factors."""


@functools.lru_cache(maxsize=512)
def mathml(latex: str, display: str = "inline", alt: bool = False) -> str:
    """Return a formula as MathML.

    Parameters
    ----------
    latex : str
    display : "inline" or "block"
        Sums and fractions small, or in their full size.
    alt : bool
        Whether its LaTeX stands beside it, as what a screen reader may fall back on.

    Raises
    ------
    ValueError
        Where latex2mathml makes no XML of it: nothing is passed on that it did not escape.
    """
    # latex2mathml takes what follows \bigl and its like as it stands.
    latex = re.sub(r"(\\[bB]igg?[lr]?)\\\|", r"\1‖", latex.strip())
    ElementTree.register_namespace("", "http://www.w3.org/1998/Math/MathML")
    try:
        formula = ElementTree.fromstring(convert(latex, display=display))
    except ElementTree.ParseError as error:
        raise ValueError(f"latex2mathml makes no XML of {latex!r}: {error}") from None
    row = formula[0] if len(formula) == 1 and formula[0].tag.endswith("}mrow") else formula
    style = ' displaystyle="true"' if display == "block" else ""
    made: list[str] = []
    for part in pieces(_flat(row)):
        inside = "".join(ElementTree.tostring(one, "unicode") for one in part)
        inside = inside.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")
        text = f' alttext="{escape(latex, quote=True)}"' if alt and not made else ""
        made.append(
            f'<math xmlns="http://www.w3.org/1998/Math/MathML"{style}{text}><mrow>{inside}</mrow></math>'
        )
    return "<wbr>".join(made)


def pieces(elements: list[Element]) -> list[list[Element]]:
    """Return what stands on the outermost level of a formula, cut where a line may end.

    Before a relation, a sign between two terms or words, after a comma or a wide space, and in a
    long product before a norm; never inside parentheses or between bars.
    """
    found: list[list[Element]] = [[]]
    norms: list[Element] = []  # that follow a factor
    depth, bars, ended, struck = 0, 0, False, False  # ended: by a term, which a sign can follow
    for element in elements:
        core = _core(element)
        kind, text = core.tag.rpartition("}")[2], (core.text or "").strip()
        outside = depth == 0 and bars % 2 == 0
        cut = text in RELATIONS or (text in SIGNS and ended) if kind == "mo" else kind == "mtext"
        if outside and cut and found[-1] and not struck:
            found.append([])
        if kind == "mo" and cut:
            core.set("form", "infix")  # at the beginning of a row it would lose its spaces
        if outside and ended and kind == "mo" and text in BARS:
            norms.append(element)
        found[-1].append(element)
        if kind == "mo":
            depth += (text in OPEN) - (text in CLOSE)
            bars += text in BARS
            ended = text in CLOSE or (text in BARS and bars % 2 == 0)
        elif kind != "mspace":
            ended = True
        struck = kind == "mpadded"  # the stroke through the relation that follows
        wide = kind == "mspace" and float(core.get("width", "0em").removesuffix("em")) >= 1
        if outside and (wide or (kind == "mo" and text in (",", ";"))):
            found.append([])
    return [factor for part in found if part for factor in _factors(part, norms)]


def _factors(part: list[Element], norms: list[Element]) -> list[list[Element]]:
    """Return a piece as it is, or one that is long cut before each of its norms."""
    if len("".join("".join(element.itertext()) for element in part)) <= LONG:
        return [part]
    starts = [0, *(place for place, element in enumerate(part) if place and element in norms)]
    return [part[a:b] for a, b in zip(starts, [*starts[1:], len(part)])]


def _flat(row: Element) -> list[Element]:
    """Return the elements of a row, text word by word, and those of a style one by one."""
    found: list[Element] = []
    for element in row:
        kind = element.tag.rpartition("}")[2]
        if kind == "mstyle" and len(element) > 1:
            for child in _flat(element):
                styled = Element(element.tag, element.attrib)
                styled.append(child)
                found.append(styled)
        elif kind == "mtext":
            # Each word after its space, and a space at the end with the last.
            text = element.text or ""
            for word in re.findall(r"[\xa0 ]*[^\xa0 ]+(?:[\xa0 ]+$)?", text) or [text]:
                found.append(Element(element.tag, element.attrib))
                found[-1].text = word
        else:
            found.append(element)
    return found


def _core(element: Element) -> Element:
    """Return what an element is for the line: itself, what a style holds, an indexed bar."""
    kind = element.tag.rpartition("}")[2]
    if kind == "mstyle" and len(element) == 1:
        return _core(element[0])
    indexed = kind in ("msub", "msup", "msubsup") and element[0].tag.endswith("}mo")
    return element[0] if indexed else element
