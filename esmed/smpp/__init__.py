"""SMPP: a session, the link to one host, the connector to one SMSC."""
