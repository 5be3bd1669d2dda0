"""`own_node.py` with one mistake: `python mutant_node.py MUTANT ROLE ADDRESS PORT FOLDER`."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from mutation import MUTANTS, load_target

if __name__ == "__main__":
    mutant = sys.argv.pop(1)
    load_target(MUTANTS[mutant])
    runpy.run_path(str(Path(__file__).with_name("own_node.py")), run_name="__main__")
