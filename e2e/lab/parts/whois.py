"""WHOIS on port 43: the root's server refers to that of the top-level domain, which knows the domains."""

import socketserver
import threading

from .web import stamp

ROOT, REGISTRY = "127.53.5.43", "127.53.5.44"


class Ask(socketserver.StreamRequestHandler):
    """One question, one answer."""

    timeout = 20

    def handle(self):
        try:
            name = self.rfile.readline(512).decode(errors="replace").strip().lower()
            answer = self.server.answer(name)
            self.wfile.write(answer.replace("\n", "\r\n").encode())
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    """The question's answer is a function."""

    allow_reuse_address = True
    daemon_threads = True


def root(name):
    """As IANA's server says it."""
    top = name.rpartition(".")[2]
    if top not in ("test", "lab"):
        return f"% This query returned 0 objects for {name}.\n"
    return f"% IANA WHOIS server\n\nrefer:        whois.nic.test\n\ndomain:       {top.upper()}\n\nstatus:       ACTIVE\n"


def registry(domains):
    def answer(name):
        domain = domains.get(name)
        if domain is None or domain.registry.get("mood") == "404":
            return f"No match for \"{name.upper()}\".\n>>> Last update of whois database: {stamp(0)} <<<\n"
        said = domain.registry
        lines = [f"Domain Name: {name.upper()}", "Registrar: Lab Registrar B.V.",
                 "Registrar Abuse Contact Email: abuse@registrar.test",
                 "Creation Date: 2009-05-04T10:00:00Z",
                 f"Updated Date: {stamp(-3600 * said.get('changed_hours', 9000))}",
                 f"Registry Expiry Date: {stamp(86400 * said.get('expires_days', 400))}",
                 *(f"Domain Status: {status}" for status in said.get("status", ["ok"])),
                 *(f"Name Server: {server.rstrip('.').upper()}" for server, _ in domain.servers),
                 f">>> Last update of whois database: {stamp(0)} <<<"]
        return "\n".join(lines) + "\n"
    return answer


def start(domains):
    for address, answer in ((ROOT, root), (REGISTRY, registry(domains))):
        server = Server((address, 43), Ask)
        server.answer = answer
        threading.Thread(target=server.serve_forever, daemon=True).start()
