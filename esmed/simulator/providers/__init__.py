"""Stand-ins for providers, one module for each kind: its name with ``_`` for ``-``.

A module exports ``Simulator``, derived from `esmed.simulator.bridge.http.HttpSimulator`
(or from `esmed.simulator.bridge.frame.ProviderSimulator`), written from the provider's
document and from nothing of `esmed.providers`. Names that begin with ``_`` are shared.
"""
