"""`rnnbounds check`: run the independent checker on a certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    certificate: Annotated[Path, typer.Argument(help="The folder of the certificate.")],
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="The folder with the data files; by default the cache."),
    ] = None,
) -> None:
    """Decode the network of a certificate, count its errors again and recompute its bound.

    Prints VALID with the bound (exit code 0), INVALID with the first reason (1), or CANNOT CHECK
    with what is missing (2). The checker is one file that imports nothing of this package:
    validation/check_certificate.py works alone, copied into an empty folder.
    """
    from validation.check_certificate import main
    from validation.data.digits import FILE
    from validation.data.fetching import cache_folder

    words = (
        [str(certificate)] if data_dir is None else [str(certificate), "--data-dir", str(data_dir)]
    )
    code: int = main(words, [str(cache_folder()), str(FILE.parent)])  # type: ignore[no-untyped-call]
    raise SystemExit(code)
