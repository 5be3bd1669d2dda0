"""What the blood-pressure case study reaches over the emulated network, beside simple baselines, for several seeds.

    python benchmarks/blood_pressure.py [--seeds 0 1 2] [--rounds 15] [--set KEY=VALUE ...]

Each run is a whole network in one process under virtual time; its weights are those of a run in real processes.
Prints a table and writes `benchmarks/results/blood-pressure.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from net4ai.app.progress import Display
from net4ai.app.runner import Options, run_scenario
from net4ai.app.scenario import load_scenario
from net4ai.stack.timers import TIMERS

RESULTS = Path(__file__).parent / "results" / "blood-pressure.json"
COLUMNS = ("mean predictor", "ridge", "best by validation", "last round")


def measure(seed: int, overrides: list[str]) -> dict[str, float | str]:
    """One run; test MAE in mmHg."""
    scenario = load_scenario("blood-pressure", [f"seed={seed}", *overrides], TIMERS)
    with tempfile.TemporaryDirectory() as folder:
        run_scenario(scenario, Options(Path(folder), in_process=True), Display())
        report = json.loads((Path(folder) / "report.json").read_text())
    return {
        "mean predictor": report["baselines"]["mean predictor"],
        "ridge": report["baselines"]["ridge"],
        "best by validation": report["final_metrics"]["mae"],
        "last round": report["final_metrics"]["mae_last_round"],
        "fidelity": report["fidelity"]["verdict"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Test MAE of the blood-pressure scenario over several seeds.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    overrides = [f"settings.rounds={options.rounds}", *options.set]
    runs = {seed: measure(seed, overrides) for seed in options.seeds}
    mean = {name: statistics.fmean(float(run[name]) for run in runs.values()) for name in COLUMNS}
    print("\ntest MAE, mmHg   " + "".join(f"{name:>20}" for name in COLUMNS) + "  fidelity")
    for seed, run in runs.items():
        print(f"seed {seed:<12}" + "".join(f"{float(run[name]):20.2f}" for name in COLUMNS) + f"  {run['fidelity']}")
    print(f"{'mean':<17}" + "".join(f"{mean[name]:20.2f}" for name in COLUMNS))
    RESULTS.write_text(
        json.dumps({"rounds": options.rounds, "set": options.set, "runs": runs, "mean": mean}, indent=2) + "\n"
    )
    print(f"\nwritten to {RESULTS}")


if __name__ == "__main__":
    main()
