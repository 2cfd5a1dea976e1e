"""Whether every link of the built site leads somewhere, and nothing is loaded from outside.

Nor is a table or a formula left as its source, which is how a page says that nobody read it.

    python docs/site/check_links.py build/site/html

Followed are the links within the site, with their anchors. Addresses elsewhere are not asked for.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}

VERBATIM = ("pre", "code", "script", "style", "title")
LEFT = {
    "a table": re.compile(r"\|\s*(?:-{3}|—)[-:—|\s]*\|"),
    "a formula": re.compile(r"\$[^$]*\\[a-z]"),
}


class Page(HTMLParser):
    """The anchors of a page, what it links to, what it loads, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self._verbatim = 0
        self.feed(text)

    def handle_data(self, data: str) -> None:
        """Collect the text that is no code."""
        if not self._verbatim:
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Count."""
        self._verbatim -= tag in VERBATIM

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect."""
        self._verbatim += tag in VERBATIM
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        attribute = LOADED.get(tag)
        if attribute and attribute in values:
            self.loads.append(values[attribute])


def faults(folder: Path) -> list[str]:
    """One line a link that leads nowhere, or a resource that is not here."""
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(folder.rglob("*.html"))}
    if not pages:
        return [f"{folder} holds no page"]
    found = []
    for path, page in pages.items():
        here = path.relative_to(folder)
        found += [
            f"{here}: {what} is left as its source"
            for what, mark in LEFT.items()
            if any(mark.search(words) for words in "".join(page.words).split("\n\n"))
        ]
        for target in page.loads:
            if urlsplit(target).netloc:
                found.append(f"{here} loads {target}")
            elif not target.startswith("data:"):
                found += _follow(path, target, pages, here)
        for target in page.links:
            parts = urlsplit(target)
            if not parts.scheme and not parts.netloc:
                found += _follow(path, target, pages, here)
    return sorted(set(found))


def _follow(path: Path, target: str, pages: dict[Path, Page], here: Path) -> list[str]:
    parts = urlsplit(target)
    to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if to.is_dir():
        to /= "index.html"
    if not to.is_file():
        return [f"{here}: {target} leads nowhere"]
    anchor = unquote(parts.fragment)
    if anchor and to in pages and anchor not in pages[to].anchors:
        return [f"{here}: {target} has no such place"]
    return []


def main() -> None:
    """Print the faults, and end with 1 where there are any."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/site/html").resolve()
    found = faults(folder)
    print("\n".join(found) or f"every link within {folder.name} leads somewhere")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
