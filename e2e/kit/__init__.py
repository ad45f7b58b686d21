"""What the scenarios are made of: a scene, the relay, and those it talks to."""

from .clients import send, session
from .host import MailHost, Received
from .names import Names
from .opensmtpd import OpenSmtpd
from .postfix import Postfix
from .relay import Relay
from .scene import Scene

__all__ = ["MailHost", "Names", "OpenSmtpd", "Postfix", "Received", "Relay", "Scene", "send", "session"]
