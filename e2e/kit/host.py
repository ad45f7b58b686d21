"""A mail host of few lines, for what real ones cannot be told to do: refuse, defer, count."""

import dataclasses
import email
import email.policy
import socketserver
import ssl
import threading


@dataclasses.dataclass
class Received:
    """One message as it came in."""

    sender: str
    recipients: list
    data: bytes
    tls: bool

    @property
    def mail(self):
        """As a mail client sees it: with the line ends of this machine."""
        return email.message_from_bytes(self.data.replace(b"\r\n", b"\n"), policy=email.policy.default)


class MailHost:
    """Listens on an address and a port. `says(verb, argument)` may give a reply other than yes."""

    def __init__(self, scene, address=None, port=None, says=None, certificate=None):
        self.address = address or scene.address()
        self.says = says or (lambda verb, argument: None)
        self.received = []
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate[1], certificate[0])
        self._server = socketserver.ThreadingTCPServer((self.address, port or 0), _Session, bind_and_activate=False)
        self._server.allow_reuse_address = True
        self._server.daemon_threads = True
        self._server.server_bind()
        self._server.server_activate()
        self._server.host = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def to(self, recipient):
        """The messages that came in for a recipient."""
        return [message for message in self.received if recipient in message.recipients]


class _Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def handle(self):
        self.host, self.tls, self.sender, self.recipients = self.server.host, False, None, []
        try:
            self.say(self.host.says("CONNECT", "") or "220 host.test ESMTP")
            while line := self.rfile.readline(4096):
                verb, _, argument = line.decode(errors="replace").strip().partition(" ")
                verb = verb.upper()
                if verb == "QUIT":
                    self.say("221 2.0.0 bye")
                    return
                no = self.host.says(verb, argument)
                if no:
                    self.say(no)
                else:
                    getattr(self, f"do_{verb.lower()}", self.do_unknown)(argument)
        except (OSError, ValueError):
            pass  # the relay went away, which is its right

    def do_unknown(self, _):
        self.say("250 2.0.0 ok")

    def do_ehlo(self, _):
        offers = ["host.test", "PIPELINING", "SIZE 50000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN"]
        if self.host.context and not self.tls:
            offers.append("STARTTLS")
        for offer in offers[:-1]:
            self.say(f"250-{offer}")
        self.say(f"250 {offers[-1]}")

    def do_starttls(self, _):
        self.say("220 2.0.0 go")
        self.connection = self.request = self.host.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile, self.tls = self.connection.makefile("rb"), self.connection.makefile("wb"), True

    def do_mail(self, argument):
        self.sender, self.recipients = _path(argument), []
        self.say("250 2.1.0 ok")

    def do_rcpt(self, argument):
        self.recipients.append(_path(argument))
        self.say("250 2.1.5 ok")

    def do_data(self, _):
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        no = self.host.says("DOT", "")
        if not no:
            self.host.received.append(Received(self.sender, self.recipients, b"".join(lines), self.tls))
        self.say(no or "250 2.0.0 taken")


def _path(argument):
    return argument.partition("<")[2].partition(">")[0]
