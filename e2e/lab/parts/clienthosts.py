"""Hosts of the ports that mail programs use: SMTP submission, IMAP and POP, and what goes wrong there."""

from .personas import Session


class Submission(Session):
    """587, and 465 when TLS comes first."""

    def on_ehlo(self, _):
        lines = [self.name, *self.extensions, *(["AUTH PLAIN LOGIN"] if self.tls else ["STARTTLS"])]
        self.say(*(f"250{'-' if at < len(lines) - 1 else ' '}{line}" for at, line in enumerate(lines)))

    def on_auth(self, _):
        self.say("535 5.7.8 authentication failed")

    def on_mail(self, argument):
        self.say("530 5.7.0 authentication required")


class Imap(Session):
    """143, and 993 when TLS comes first."""

    greeting = "* OK [CAPABILITY IMAP4rev1 {}] ready"

    def greet(self):
        self.say(self.greeting.format("AUTH=PLAIN" if self.tls else "STARTTLS LOGINDISABLED"))

    def run(self):
        if self.host.implicit:
            self.wrap()
        self.greet()
        while (line := self.listen()) is not None:
            tag, _, rest = line.decode(errors="replace").strip().partition(" ")
            verb = rest.partition(" ")[0].upper()
            if verb == "CAPABILITY":
                self.say(f"* CAPABILITY IMAP4rev1 {'AUTH=PLAIN' if self.tls else 'STARTTLS LOGINDISABLED'}", f"{tag} OK done")
            elif verb == "STARTTLS" and not self.tls:
                self.say(f"{tag} OK begin")
                self.wrap()
            elif verb == "LOGOUT":
                self.say("* BYE", f"{tag} OK")
                return
            elif verb in ("LOGIN", "AUTHENTICATE"):
                self.say(f"{tag} NO [AUTHENTICATIONFAILED] wrong password")
            else:
                self.say(f"{tag} BAD what is that?")


class Pop(Session):
    """995."""

    def run(self):
        if self.host.implicit:
            self.wrap()
        self.say("+OK ready")
        while (line := self.listen()) is not None:
            verb = line.decode(errors="replace").strip().partition(" ")[0].upper()
            if verb == "CAPA":
                self.say("+OK", "USER", *([] if self.tls else ["STLS"]), ".")
            elif verb == "QUIT":
                self.say("+OK bye")
                return
            else:
                self.say("-ERR no")


class Bye(Imap):
    """An IMAP server that lets nobody in."""

    greeting = "* BYE too many connections, come back later"

    def run(self):
        if self.host.implicit:
            self.wrap()
        self.greet()


# Persona: (port, session, does TLS come first).
PORTS = {
    "client-good": ((25, Session, False), (587, Submission, False), (465, Submission, True), (143, Imap, False),
                    (993, Imap, True), (995, Pop, True)),
    # Each port speaks the other port's way: TLS first where STARTTLS belongs, and the reverse.
    "client-swapped": ((25, Session, False), (587, Submission, True), (465, Submission, False), (143, Imap, True),
                       (993, Imap, False), (995, Pop, False)),
    "client-bye": ((25, Session, False), (587, Submission, False), (465, Submission, True), (143, Bye, False),
                   (993, Bye, True), (995, Pop, True)),
}
PORTS["client-certificate"] = PORTS["client-good"]
