"""A stand-in for Pulumi's engine, for machines where its command line cannot be had.

It runs an unmodified program, speaks Pulumi's protocol with it, and knows a short, fixed list of resource types
(see `registry`). Everything else is refused by name before anything changes.
"""

from .engine import Project, destroy, outputs, preview, refresh, up
from .errors import LocalEngineError
from .model import Event, Failed, Finished, Message, Op, Plan, Result, Started, Step

__all__ = [
    "Event",
    "Failed",
    "Finished",
    "LocalEngineError",
    "Message",
    "Op",
    "Plan",
    "Project",
    "Result",
    "Started",
    "Step",
    "destroy",
    "outputs",
    "preview",
    "refresh",
    "up",
]
