"""``python -m esmed``."""

from esmed.cli import main

raise SystemExit(main())
