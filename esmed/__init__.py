"""An SMS gateway daemon: local HTTP in, SMPP and providers out, nothing lost."""

__version__ = "0.1.0"
