"""The HTTP interface: requests to use cases of the gateway, and their answers."""
