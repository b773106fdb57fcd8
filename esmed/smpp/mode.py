"""What the configuration, an operator and the daemon let a connector do. Pure."""


class Mode:
    """Changed by the connector; health, limits and submission go by it."""

    __slots__ = ("frozen", "paused", "sends", "stopping")

    def __init__(self, *, sends: bool) -> None:
        self.sends = sends
        """Whether its binds may submit at all."""
        self.paused = False
        """By an operator."""
        self.frozen = False
        """Outcomes cannot be stored: nothing may be written."""
        self.stopping = False
        """It ends what it has begun."""
