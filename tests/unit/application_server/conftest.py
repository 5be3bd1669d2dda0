"""The helper modules beside this file are imported by their names."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def serving(network: Any) -> Any:
    """An application server that is attached."""
    from serving_bench import Serving

    return Serving(network)
