"""The remote systems, simulated over real HTTP: a shop (OCAPI) and a Service Cloud org. Imports nothing of the connector.

`with Sandbox(orders=50) as box:` in a process; `python -m connector.sandbox` as one of its own; `Process` to start that.
"""

from connector.sandbox.box import Sandbox
from connector.sandbox.client import Client, Process
from connector.sandbox.faults import KINDS
from connector.sandbox.options import Options

__all__ = ["KINDS", "Client", "Options", "Process", "Sandbox"]
