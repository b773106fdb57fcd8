"""smsc.ua, and its sisters on the same platform: smsc.ru, smsc.kz, smscentre.com.

Their document describes only sending; what is known of states, balance, replies and
callbacks comes from their English pages, see docs/connectors/smsc.md.
"""

from esmed.providers.smsc.config import Config
from esmed.providers.smsc.provider import Smsc, create

__all__ = ["Config", "Smsc", "create"]
