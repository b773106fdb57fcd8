"""Stand-ins for what esmed talks to: for tests, demonstrations and benchmarks."""

from esmed.simulator.mo import MoMessage
from esmed.simulator.options import SmscOptions
from esmed.simulator.smsc import SmscSimulator, Stats

__all__ = ["MoMessage", "SmscOptions", "SmscSimulator", "Stats"]
