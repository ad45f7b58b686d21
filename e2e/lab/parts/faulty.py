"""The personas, by name: what each does other than a healthy host."""

from .personas import Session, pause, reset

# These need no process: nobody listens, or the firewall sees to it.
HTTP = ("HTTP/1.1 400 Bad Request", "Content-Type: text/html", "Connection: close", "", "<html>bad request</html>")
WITHOUT_PROCESS = ("refused", "filtered", "unreachable")


def persona(greet=None, **changes):
    """A session with some of its methods replaced."""
    if greet is not None:
        changes["greet"] = greet if callable(greet) else lambda self: self.say(greet)
    return type("Persona", (Session,), changes)


def says(text, end=False):
    """A handler with one answer."""
    def handler(self, _):
        self.say(text)
        return "end" if end else None
    return handler


def _end(self, _=None):
    return "end"


def _greet_then(action):
    def greet(self):
        action(self)
        raise ConnectionAbortedError
    return greet


def _slow(seconds):
    def greet(self):
        pause(seconds)
        Session.greet(self)
    return greet


def _flood(self):
    for _ in range(160):
        self.connection.sendall(b"220-" + b"x" * 65532)
    self.say("220 done")


def _postscreen(self):
    self.say(f"220-{self.name} wait a moment")
    pause(3)
    self.say(f"220 {self.name} ESMTP")


def _limit(after):
    def greet(self):
        if self.number > after:
            self.say("421 4.7.0 too many connections from you, try later")
            raise ConnectionAbortedError
        Session.greet(self)
    return greet


def _garbage(self, _):
    self.say("220 go")
    self.connection.sendall(b"500 hat?\r\n" * 3)
    self.hang()
    return "end"


def _hang_after(text):
    def handler(self, _):
        self.say(text)
        self.hang()
        return "end"
    return handler


def _close_after(text):
    return says(text, end=True)


def _no_null(self, argument):
    if "<>" in argument:
        return self.say("550 5.7.1 null sender not accepted here")
    return Session.on_mail(self, argument)


def _without(locals_refused):
    def judge(self, box):
        return "550 5.1.1 no such user here" if box.partition("@")[0] in locals_refused else Session.judge(self, box)
    return judge


def _greylist(self, box):
    answer = Session.judge(self, box)
    if answer.startswith("250") and not self.host.seen[box]:
        self.host.seen[box] += 1
        return "450 4.7.1 greylisted, try again in 300 seconds"
    return answer


def _catchall(self, box):
    return self.take(box) if box.endswith("@" + self.host.domain) or box == "postmaster" else Session.judge(self, box)


def _auth(self, _):
    extensions = [*self.extensions, "AUTH PLAIN LOGIN"]
    lines = [self.name, *extensions, *([] if self.tls else ["STARTTLS"])]
    self.say(*(f"250{'-' if at < len(lines) - 1 else ' '}{line}" for at, line in enumerate(lines)))


def _pix(self, _):
    self.say(f"250-{self.name}", "250-PIPELINING", "250-SIZE 52428800", "250-XXXXXXXA", "250 8BITMIME")


def _vrfy(self, argument):
    local = argument.strip("<>").partition("@")[0].lower()
    self.say("250 2.1.5 Alice Smith <alice@here>" if local in ("alice", "postmaster") else "550 5.1.1 unknown")


def _inject(self, _):
    """Answers in the clear text's buffer survive the change to TLS."""
    glued = self.pending
    self.say("220 2.0.0 go ahead")
    self.wrap()
    self.pending = glued


def _named(name):
    def init(self, host, connection, number):
        Session.__init__(self, host, connection, number)
        self.name = name
    return init


def _tarpit(self, *lines):
    pause(1)
    Session.say(self, *lines)


def _impatient(self):
    """Sends its EHLO reply before it is asked."""
    self.say(f"220 {self.name} ESMTP", f"250 {self.name}")


PERSONAS = {
    "good": persona(),
    "certificate": persona(),
    "reset": persona(_greet_then(lambda self: reset(self.connection))),
    "silent": persona(_greet_then(lambda self: self.hang())),
    "slow-banner": persona(_slow(3)),
    "banner-554": persona(_greet_then(lambda self: (self.say("554 5.7.1 your address is not welcome here"), self.hang()))),
    "banner-421": persona(_greet_then(lambda self: self.say("421 4.3.2 shutting down"))),
    "late-421": persona(_greet_then(lambda self: (self.say(f"220 {self.name} ESMTP"), self.listen(),
                                                  self.say("421 4.3.2 closing")))),
    "ssh": persona(_greet_then(lambda self: (self.say("SSH-2.0-OpenSSH_9.2p1 Debian-2"), self.hang()))),
    "http": persona(_greet_then(lambda self: (self.listen(), self.say(*HTTP)))),
    "http-now": persona(_greet_then(lambda self: (self.say(*HTTP), self.hang()))),
    "flood": persona(_flood),
    "close": persona(_greet_then(lambda self: None)),
    "many-lines": persona(lambda self: self.say(*(f"220-line {n}" for n in range(40)), f"220 {self.name} ESMTP")),
    "no-starttls": persona(starttls=False),
    "starttls-454": persona(on_starttls=says("454 4.7.0 TLS not available due to local problem")),
    "starttls-garbage": persona(on_starttls=_garbage),
    "starttls-hang": persona(on_starttls=_hang_after("220 2.0.0 go ahead")),
    "starttls-close": persona(on_starttls=_close_after("220 2.0.0 go ahead")),
    "tls-1.0": persona(certificate="tls-1.0"),
    "tls-1.2": persona(certificate="tls-1.2"),
    "pix": persona(on_ehlo=_pix, starttls=False),
    "helo-only": persona(on_ehlo=says("502 5.5.2 command not implemented"), starttls=False),
    "ehlo-close": persona(on_ehlo=_end, on_helo=_end),
    "no-null": persona(on_mail=_no_null),
    "no-postmaster": persona(judge=_without(("postmaster",))),
    "no-abuse": persona(judge=_without(("abuse",))),
    "relay": persona(judge=lambda self, box: self.take(box)),
    "catchall": persona(judge=_catchall),
    "greylist": persona(judge=_greylist),
    "limit": persona(_limit(1)),
    "limit-first": persona(_limit(0)),
    "auth-clear": persona(on_ehlo=_auth),
    "vrfy": persona(on_vrfy=_vrfy),
    "helo-other": persona(__init__=_named("mail.elsewhere.test")),
    "helo-unqualified": persona(__init__=_named("localhost")),
    "smuggle": persona(is_end=lambda self, line: line.rstrip(b"\r\n") == b"."),
    "inject": persona(on_starttls=_inject),
    "tarpit": persona(say=_tarpit),
    "slow": persona(say=lambda self, *lines: (pause(0.2), Session.say(self, *lines))[1]),
    "blocked": persona(on_mail=says("550 5.7.1 your address 127.0.0.1 is on our block list")),
    "all-450": persona(on_mail=says("451 4.3.0 queue file write error, try later")),
    "hang-mail": persona(on_mail=lambda self, _: (self.hang(), "end")[1]),
    "size-small": persona(extensions=("PIPELINING", "SIZE 20480", "8BITMIME")),
    "impatient": persona(_impatient),
    "postscreen": persona(_postscreen),
}
