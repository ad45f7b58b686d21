"""Mail hosts that misbehave, one way each, on an address each. `PERSONAS` has them by name."""

import collections
import selectors
import socket
import ssl
import struct
import threading
import time

LINE_MAX = 65536
PATIENCE_S = 120


class Session:
    """One connection to a healthy host. The personas change one thing of it."""

    extensions = ("PIPELINING", "SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")
    certificate = "hosts"
    starttls = True

    def __init__(self, host, connection, number):
        self.host, self.connection, self.number = host, connection, number
        self.name = host.name
        self.tls = host.implicit
        self.pending = b""
        self.sender, self.recipients = None, []

    def say(self, *lines):
        self.connection.sendall("".join(line + "\r\n" for line in lines).encode())

    def listen(self):
        """The next line, with its end; None when the peer is gone."""
        while b"\n" not in self.pending:
            if len(self.pending) > LINE_MAX:
                return None
            got = self.connection.recv(4096)
            if not got:
                return None
            self.pending += got
        line, _, self.pending = self.pending.partition(b"\n")
        return line + b"\n"

    def wrap(self):
        self.connection = self.host.contexts(self.context()).wrap_socket(self.connection, server_side=True)
        self.tls, self.pending = True, b""

    def context(self):
        return self.host.how.get("certificate", self.certificate)

    def hang(self):
        """Says nothing more; ends when the peer does."""
        while self.connection.recv(4096):
            pass

    def run(self):
        if self.host.implicit:
            self.wrap()
        self.greet()
        while (line := self.listen()) is not None:
            words = line.decode(errors="replace").strip()
            verb, _, argument = words.partition(" ")
            handler = getattr(self, f"on_{verb.lower()}", None) if verb.isalpha() else None
            if handler is None:
                self.say("500 5.5.2 what is that?")
            elif handler(argument) == "end":
                return

    def greet(self):
        self.say(f"220 {self.name} ESMTP")

    def on_ehlo(self, _):
        offered = [*self.extensions]
        if self.starttls and not self.tls:
            offered.append("STARTTLS")
        lines = [self.name, *offered]
        self.say(*(f"250{'-' if at < len(lines) - 1 else ' '}{line}" for at, line in enumerate(lines)))

    def on_helo(self, _):
        self.say(f"250 {self.name}")

    def on_starttls(self, _):
        if not self.starttls or self.tls:
            return self.say("502 5.5.1 not here")
        self.say("220 2.0.0 go ahead")
        self.wrap()
        self.sender, self.recipients = None, []
        return None

    def on_mail(self, argument):
        self.sender = argument
        self.say("250 2.1.0 ok")

    def on_rcpt(self, argument):
        if self.sender is None:
            return self.say("503 5.5.1 MAIL first")
        box = argument[argument.find("<") + 1:argument.rfind(">")].lower()
        return self.say(self.judge(box))

    def judge(self, box):
        local, _, domain = box.rpartition("@")
        if box == "postmaster":
            return self.take(box)
        if domain != self.host.domain or "%" in local or "!" in local or '"' in local:
            return "554 5.7.1 relay access denied"
        if local in ("postmaster", "abuse", "alice", "dmarc", "tlsrpt", "hostmaster"):
            return self.take(box)
        return "550 5.1.1 no such user here"

    def take(self, box):
        self.recipients.append(box)
        return "250 2.1.5 ok"

    def on_data(self, _):
        if not self.recipients:
            return self.say("503 5.5.1 RCPT first")
        self.say("354 go on")
        while (line := self.listen()) is not None:
            if self.is_end(line):
                self.say("250 2.0.0 taken")
                self.sender, self.recipients = None, []
                return None
        return "end"

    def is_end(self, line):
        return line == b".\r\n"

    def on_rset(self, _):
        self.sender, self.recipients = None, []
        self.say("250 2.0.0 ok")

    def on_noop(self, _):
        self.say("250 2.0.0 ok")

    def on_vrfy(self, _):
        self.say("252 2.0.0 send some mail, I will try")

    def on_quit(self, _):
        self.say("221 2.0.0 bye")
        return "end"


class Host:
    """A persona on an address and a port."""

    def __init__(self, domain, session, port, contexts, implicit=False):
        self.domain, self.name = domain.name, domain.mx
        self.how = domain.persona[1]
        self.session, self.contexts, self.implicit = session, contexts, implicit
        self.connections, self.seen = 0, collections.Counter()
        self.socket = socket.create_server((domain.address, port), backlog=50)

    def serve(self, connection):
        self.connections += 1
        connection.settimeout(PATIENCE_S)
        try:
            self.session(self, connection, self.connections).run()
        except (OSError, ssl.SSLError, ValueError):
            pass  # the peer is gone, or the persona wanted it so
        finally:
            connection.close()


class Hosts:
    """All of them: one thread accepts, one serves each connection."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.selector = selectors.DefaultSelector()
        for host in hosts:
            self.selector.register(host.socket, selectors.EVENT_READ, host)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            for key, _ in self.selector.select():
                connection, _ = key.fileobj.accept()
                threading.Thread(target=key.data.serve, args=(connection,), daemon=True).start()

    def counts(self):
        """How often each address was connected to."""
        return {f"{host.socket.getsockname()[0]}:{host.socket.getsockname()[1]}": host.connections for host in self.hosts}


def reset(connection):
    """Ends the connection with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def pause(seconds):
    time.sleep(seconds)
