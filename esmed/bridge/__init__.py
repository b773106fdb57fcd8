"""Providers that speak another protocol than SMPP: what they all share."""
