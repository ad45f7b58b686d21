"""Knot as root, as registries and as the domains' servers, and Unbound as the resolver that validates."""

import concurrent.futures
import socket
import subprocess

from . import signing, space
from .catalogue import reverse
from .domain import HOME
from .names import OLD

ROOT, TOP, RESOLVER = "127.53.0.1", "127.53.0.2", "127.53.0.53"
BLOCK_LISTED = ("2.0.0.127", "41.9.53.127")


def knot(folder, name, addresses, zones):
    """Starts Knot with these zones."""
    home = folder / name
    home.mkdir()
    listed = []
    for number, (zone, text) in enumerate(zones.items()):
        (home / f"{number}.zone").write_text(text)
        listed.append(f"  - domain: {zone}.\n    file: {number}.zone\n")
    (home / "knot.conf").write_text(
        f"server:\n  rundir: {home}\n" + "".join(f"  listen: {address}@53\n" for address in addresses)
        + "  tcp-workers: 2\n  udp-workers: 1\n  background-workers: 1\n"
        f"log:\n  - target: stderr\n    any: warning\ndatabase:\n  storage: {home}\n"
        f"template:\n  - id: default\n    storage: {home}\n    zonefile-sync: -1\n    journal-content: none\n"
        f"    semantic-checks: off\nzone:\n" + "".join(listed))
    log = (folder / f"{name}.log").open("ab")
    subprocess.Popen([space.program("knotd"), "--config", str(home / "knot.conf")], stdin=subprocess.DEVNULL, stdout=log,
                     stderr=log)


def unbound(folder):
    """Starts the resolver."""
    home = folder / "unbound"
    home.mkdir()
    (home / "unbound.conf").write_text(
        f'server:\n  directory: "{home}"\n  chroot: ""\n  username: ""\n  use-syslog: no\n  logfile: "{folder}/unbound.log"\n'
        f'  pidfile: "{home}/pid"\n  interface: {RESOLVER}\n  access-control: 127.0.0.0/8 allow\n  do-ip6: no\n'
        f'  do-not-query-localhost: no\n  root-hints: "{folder}/root.hints"\n  trust-anchor-file: "{folder}/root.anchor"\n'
        '  local-zone: "test." nodefault\n  local-zone: "127.in-addr.arpa." nodefault\n  ede: yes\n'
        "  module-config: \"validator iterator\"\n  num-threads: 1\n  cache-max-negative-ttl: 5\n  infra-host-ttl: 5\n"
        "remote-control:\n  control-enable: no\n")
    subprocess.Popen([space.program("unbound"), "-d", "-c", str(home / "unbound.conf")], stdin=subprocess.DEVNULL)


def _sign_domains(folder, domains):
    """The zones as they are served, and the digests for the parent."""
    zones, keys = {}, folder / "keys"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        signed = {name: pool.submit(signing.sign, keys, name, domain.zone(), domain.sign)
                  for name, domain in domains.items() if domain.sign}
        for name, domain in domains.items():
            domain.digests = []
            zones[name] = domain.zone()
            if name in signed:
                zones[name], domain.digests = signed[name].result()
            if domain.secure == "wrong":
                domain.digests = ["60485 13 2 " + "0a" * 32]
            if domain.secure == "right":
                domain.digests = ["60486 13 2 " + "0b" * 32]
    return zones


def _top(origin, lines):
    soa = "@ SOA a.nic.test. hostmaster.nic.test. 2026112701 1800 900 604800 300"
    return "\n".join([f"$ORIGIN {origin}.", "$TTL 3600", soa, "@ NS a.nic.test.", *lines]) + "\n"


def start(folder, domains):
    """Writes the root hints and the trust anchor, and starts all servers."""
    children = _sign_domains(folder, domains)
    glue = [f"a.nic.test. A {TOP}"]
    delegations = {"test": list(glue), "lab": []}
    for domain in domains.values():
        delegations[domain.name.rpartition(".")[2]] += domain.delegation(domain.digests)
    keys = folder / "keys"
    tops, secured = {}, []
    arpa = ["53.127.in-addr NS ns1.good.test.", "53.127.in-addr NS ns2.good.test."]
    listed = [f"{name}.zen.spamhaus A 127.0.0.2" for name in BLOCK_LISTED]
    for origin, lines, way in (("test", delegations["test"], "nsec3"), ("lab", delegations["lab"], "good"),
                               ("arpa", arpa, "good"), ("org", listed, None)):
        tops[origin] = _top(origin, dict.fromkeys(lines))
        if way:
            tops[origin], digests = signing.sign(keys, origin, tops[origin], way)
            secured += [f"{origin}. DS {digest}" for digest in digests]
    soa = ". SOA a.root. hostmaster.root. 2026112701 1800 900 604800 300"
    lines = ["$ORIGIN .", "$TTL 86400", soa, ". NS a.root.", f"a.root. A {ROOT}", f"a.nic.test. A {TOP}",
             *(f"{origin}. NS a.nic.test." for origin in tops), *secured]
    root, digests = signing.sign(keys, "", "\n".join(lines) + "\n")
    (folder / "root.hints").write_text(f".                        3600000      NS    A.ROOT.\nA.ROOT.                  3600000      A     {ROOT}\n")
    (folder / "root.anchor").write_text("".join(f". IN DS {digest}\n" for digest in digests))
    (folder / "root.key").write_text(signing.key_lines(keys, ""))
    children["53.127.in-addr.arpa"] = reverse(domains)
    older = {name: domain.second.zone() for name, domain in domains.items() if domain.second}
    knot(folder, "knot-root", [ROOT], {"": root})
    knot(folder, "knot-top", [TOP], tops)
    knot(folder, "knot-home", HOME, children)
    knot(folder, "knot-old", [OLD], older)
    unbound(folder)
    for address in (ROOT, TOP, *HOME, OLD, RESOLVER):
        space.wait_for(lambda address=address: _listens(address), f"the name server {address}")


def _listens(address):
    """Whether it answers a question; a port that is open is not enough while zones are loading."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.3)
        try:
            probe.connect((address, 53))
            probe.send(b"\x0b\x0b\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04test\x00\x00\x06\x00\x01")
            return len(probe.recv(4096)) > 12
        except OSError:
            return False
