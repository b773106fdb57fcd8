"""One module (or package) for each provider: its name is the ``kind`` in the file.

A kind's module exports ``Config``, derived from `esmed.bridge.config.ProviderConfig`,
and ``create(config) -> esmed.bridge.base.Provider``. Names that begin with ``_`` are
shared by several kinds and are none themselves.
"""
