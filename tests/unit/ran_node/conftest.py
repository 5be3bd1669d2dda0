"""The helper modules beside the tests of the UE are imported by their names."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "ue"))
