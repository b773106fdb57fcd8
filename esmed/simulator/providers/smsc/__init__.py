"""smsc.ua: forms or JSON, and answers in four formats.

Its document is about sending only; status.php, balance.php, get.php and the callbacks
are as the English pages of the same platform have them. Where both are silent: the list
of a request with bad numbers has a status and an error for each, a deletion is answered
with ``OK``, and callbacks are repeated until 2xx.
"""

from esmed.simulator.providers.smsc.simulator import Simulator

__all__ = ["Simulator"]
