"""Signs zones with Knot's own tool, well or badly."""

import re
import subprocess
import time

DAY = 86400
# How long signatures last, and as of when they were made.
WAYS = {
    "good": (30 * DAY, 0),
    "soon": (2 * DAY, 0),
    "expired": (5 * DAY, -12 * DAY),
    "future": (30 * DAY, 4 * DAY),
    "tampered": (30 * DAY, 0),
    "stripped": (30 * DAY, 0),
    "nsec3": (30 * DAY, 0),
    "iterations": (30 * DAY, 0),
    "sha1": (30 * DAY, 0),
}


def sign(folder, name, text, way="good"):
    """Gives the signed zone, and the digests for the parent."""
    home = folder / (name or "root")
    home.mkdir(parents=True)
    zone = name + "."
    lasts, shift = WAYS[way]
    (home / "in.zone").write_text(text)
    (home / "knot.conf").write_text(
        f"server:\n  rundir: {home}\ndatabase:\n  storage: {home}\n"
        f"policy:\n  - id: lab\n    algorithm: {'rsasha1-nsec3-sha1' if way == 'sha1' else 'ecdsap256sha256'}\n"
        f"    single-type-signing: on\n    ksk-lifetime: 0\n    zsk-lifetime: 0\n    cds-cdnskey-publish: none\n"
        f"    rrsig-lifetime: {lasts}\n    rrsig-refresh: {lasts // 3}\n    rrsig-pre-refresh: 0\n"
        f"    nsec3: {'on' if way in ('nsec3', 'iterations') else 'off'}\n"
        f"    nsec3-iterations: {150 if way == 'iterations' else 0}\n    nsec3-salt-length: 0\n"
        f"zone:\n  - domain: {zone}\n    storage: {home}\n    file: in.zone\n    dnssec-signing: on\n"
        f"    dnssec-policy: lab\n    journal-content: none\n    serial-policy: increment\n")
    now = int(time.time()) + shift
    (home / "out").mkdir()
    _run("kzonesign", "-c", home / "knot.conf", "-o", home / "out", "-t", now, zone)
    signed = next((home / "out").iterdir()).read_text()
    digests = [line.split(" DS ", 1)[1] for line in _run("keymgr", "-c", home / "knot.conf", zone, "ds").splitlines()]
    digests = [digest for digest in digests if digest.split()[2] == "2"]
    if way == "tampered":
        signed = _tamper(signed)
    if way == "stripped":
        signed = "".join(line for line in signed.splitlines(keepends=True) if "\tRRSIG\tMX " not in _tabs(line))
    return signed, digests


def _run(*words):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


def _tabs(line):
    return re.sub(r"[ \t]+(RRSIG)[ \t]+", r"\t\1\t", line)


def _tamper(signed):
    """Another MX than the one that was signed."""
    return re.sub(r"(?m)(\sMX\s+10\s+)mx1\.", r"\1mx9.", signed)


def key_lines(folder, zone):
    """The keys of a zone as DNSKEY records, as a trust anchor has them."""
    home = folder / (zone or "root")
    return _run("keymgr", "-c", home / "knot.conf", zone + ".", "dnskey")
