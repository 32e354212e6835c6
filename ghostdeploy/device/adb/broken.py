"""How a conversation with a phone breaks off, as the transports see it; `PhoneLink` makes public errors of it."""

from __future__ import annotations


class Broken(Exception):
    """Base: the conversation cannot go on."""


class Expired(Broken):
    """Nothing came by the deadline."""


class Gone(Broken):
    """The other side closed the connection, or it broke."""


class Absent(Gone):
    """Nobody listens at the address, or the device is not plugged in: there never was a connection."""


class Refused(Broken):
    """The phone, or the adb server for it, does not open the service; the text is what it said."""


class Nonsense(Broken):
    """What came is not the protocol."""


class Said(Exception):
    """The phone answered a file transfer with FAIL; the text is its own words."""
