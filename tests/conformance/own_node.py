"""One of our nodes as a process of its own, without broker and core: `python own_node.py ROLE ADDRESS PORT FOLDER`.

It knows the tester by its address alone, as a foreign implementation would, and is configured as our statement says.
The address of a RAN node's radio is its first line.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from net4ai.app.conformance import load_statement
from net4ai.app.conformance_target import RAN_NODE, UE, TargetRun, ran_node_config, ue_config
from net4ai.application_server import main as application_server
from net4ai.application_server.config import ApplicationServerConfig
from net4ai.application_server.find_function import installed_function
from net4ai.ran_node import main as ran_node
from net4ai.stack.io.network import SystemNetwork
from net4ai.stack.io.platform import RunConfig
from net4ai.ue import main as ue


async def main(role: str, host: str, port: int, folder: Path) -> None:
    run_config = RunConfig(run_key="00" * 32, seed=0, utc_offset=0, started=0, trace_folder=str(folder))
    run = TargetRun(run_config, SystemNetwork(), lambda line: None, installed_function)
    if role == "ran-node":
        node = await ran_node.start(ran_node_config(load_statement(), (host, port)), await run.platform(RAN_NODE))
        print("{}:{}".format(*node.addresses["Uu"]), flush=True)
    elif role == "ue":
        await ue.start(ue_config(load_statement(), (host, port)), await run.platform(UE))
    else:
        server = ApplicationServerConfig(name="server", node=RAN_NODE, address=(host, port))
        await application_server.start(server, await run.platform("server"))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
