"""The command `rnnbounds`, also as ``python -m rnnbounds``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command, unless another package stands in the way."""
    from rnnbounds import PACKAGES, own

    try:
        for package in PACKAGES:
            own(package)
    except ImportError as error:
        sys.stderr.write(f"rnnbounds: {error}\n")
        raise SystemExit(2) from None
    from validation.commands import main as run

    run()


if __name__ == "__main__":
    main()
