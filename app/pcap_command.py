"""`net4ai pcap FILE`: opens the file, finds out how wide the screen is, and says how it ended."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from contextlib import ExitStack
from typing import IO

from net4ai.app.pcap_ladder import Filter, Ladder, summary, view_for, write_ladder
from net4ai.stack.io.capture_reader import CaptureError

READ, DAMAGED, NO_CAPTURE = 0, 1, 2
"""Exit codes: read to its end; it cannot be read on, what came before was shown; there is nothing to read."""


def show_capture(options: argparse.Namespace) -> int:
    """Show the capture `options.file` as the other options say; gives the exit code."""
    wanted = Filter(tuple(options.link), tuple(options.node), tuple(options.only), options.begin, options.end)
    width = options.width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else 0)
    _never_fail_on_letters()
    try:
        with ExitStack() as opened:
            file: IO[bytes] = (
                sys.stdin.buffer if options.file == "-" else opened.enter_context(open(options.file, "rb"))
            )
            done = write_ladder(file, view_for(width, options.json), wanted, print)
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough. What is still in the buffer must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READ
    except CaptureError as error:
        return _failed(f"{options.file}: {error}")
    except OSError as error:
        return _failed(f"{options.file}: {error.strerror}")
    return _end(options.file, done)


def _end(file: str, done: Ladder) -> int:
    print(f"{file}: {summary(done)}", file=sys.stderr)
    return DAMAGED if done.broken else READ


def _failed(text: str) -> int:
    print(text, file=sys.stderr)
    return NO_CAPTURE


def _never_fail_on_letters() -> None:
    """A terminal that cannot show arrows shows question marks."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
