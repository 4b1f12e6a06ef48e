"""The one exception that is meant for the user's eyes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from deepdistill.termination import raised_signals


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one line that names the file, the row or the key, what was found and what is
    allowed.
    """


def exit_code(main: Callable[[list[str]], None], argv: list[str] | None = None) -> int:
    """Run a script's ``main`` with logging on standard error and return its exit status.

    An :class:`InputError` is printed as one line on standard error and becomes status 1, Ctrl-C
    becomes status 130, SIGTERM and SIGUSR1 128 more than their numbers; any other exception is a
    defect of ours and keeps its traceback.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        with raised_signals():
            main(sys.argv[1:] if argv is None else argv)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0
