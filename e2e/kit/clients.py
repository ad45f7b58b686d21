"""Clients: a session that is left open, and one mail by smtplib."""

import smtplib


def session(relay):
    """An open session that has said EHLO."""
    client = smtplib.SMTP(relay.address, relay.port, local_hostname="client.test", timeout=30)
    code, words = client.ehlo()
    assert code == 250, words
    return client


def send(relay, sender, recipients, text="Subject: hello\n\nfine\n"):
    """Hands one mail in; gives the recipients that were refused."""
    with session(relay) as client:
        return client.sendmail(sender, recipients, text)
