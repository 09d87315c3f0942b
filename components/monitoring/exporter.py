"""What makes figures of programs that have none for Prometheus: what those who do so have in common."""

from __future__ import annotations

from components.capacity import MIB, Size
from components.workload import Health, StopFirst

ONE = StopFirst(because="two would double every series")
# Seldom: a dozen of checks every two seconds would be most of what monitoring costs.
HEALTH = Health(start_period=30, interval=10)


def memory_limit(size: Size) -> dict[str, str]:
    """Go's garbage collector works harder before the kernel ends the program."""
    return {"GOMEMLIMIT": f"{size.memory * 4 // 5 // MIB}MiB"}
