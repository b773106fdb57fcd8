"""What the stand-ins for providers share; each is in `esmed.simulator.providers`."""
