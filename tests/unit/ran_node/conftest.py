"""The helper modules beside these tests and those of UE and core are imported by their names."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "ue"), str(HERE.parent / "core")]
