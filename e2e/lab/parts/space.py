"""The space the laboratory is in: a network of its own, where every port is free and nothing leaves."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

SKIPPED = 77
NEEDED = {
    "knotd": "knot", "kzonesign": "knot-dnssecutils", "keymgr": "knot", "unbound": "unbound", "nft": "nftables",
    "postfix": "postfix", "dovecot": "dovecot-imapd", "openssl": "openssl", "ip": "iproute2", "unshare": "util-linux",
}
MODULES = {"/usr/lib/dovecot/imap": "dovecot-imapd", "/usr/lib/dovecot/pop3": "dovecot-pop3d",
           "/usr/lib/dovecot/lmtp": "dovecot-lmtpd"}


def program(name):
    """The path of a program, also when /usr/sbin is not searched."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def why_not():
    """Why there can be no laboratory here; None when there can."""
    if os.geteuid() != 0:
        return "the laboratory needs root: it makes a network of its own and starts Postfix in it"
    missing = [package for name, package in NEEDED.items() if not program(name)]
    missing += [package for path, package in MODULES.items() if not pathlib.Path(path).exists()]
    if missing:
        return f"not installed: {' '.join(sorted(set(missing)))}; e2e/install does it"
    tried = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "sh", "-c",
                            "ip link set lo up && nft add table inet lab"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        return f"no network of its own is to be had here: {tried.stderr.strip()}"
    return None


def enter(arguments, folder):
    """Runs this program again, inside; gives its exit code. It and all it started end together."""
    inside = ["unshare", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", sys.executable]
    process = subprocess.Popen([*inside, *arguments], env=dict(os.environ, LAB_INSIDE="1"))
    for kind in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, lambda *_: process.kill())  # and with it goes all that it holds
    try:
        while process.poll() is None:
            ready = folder / "ready"
            if ready.exists():
                # Only out here the first process inside has the number by which others can find it.
                children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                ready.write_text(ready.read_text() + f"LAB_PID={children[0]}\n")
                ready.rename(folder / "lab.env")
                break
            time.sleep(0.03)
        return process.wait()
    except KeyboardInterrupt:
        process.kill()
        return process.wait()


def furnish(folder):
    """Brings the network up, and makes the laboratory's resolver that of this space."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    conf = folder / "resolv.conf"
    conf.write_text("nameserver 127.53.0.53\n")
    target = pathlib.Path("/etc/resolv.conf").resolve()
    if target.exists():
        subprocess.run(["mount", "--bind", conf, target], check=True)


def firewall(silent, unreachable):
    """`silent`: (address, port) that answer nothing at all; port None is all of them. `unreachable`: an ICMP error."""
    rules = ["add table inet lab", "add chain inet lab in { type filter hook input priority 0; }"]
    for address, port in silent:
        for protocol in ("tcp", "udp"):
            match = f"{protocol} dport {port}" if port else f"meta l4proto {protocol}"
            rules.append(f"add rule inet lab in ip daddr {address} {match} drop")
    for address, port in unreachable:
        rules.append(f"add rule inet lab in ip daddr {address} tcp dport {port} reject with icmp type host-unreachable")
    subprocess.run(["nft", "-f", "-"], input="\n".join(rules) + "\n", text=True, check=True)


def of(folder):
    """The settings of a running laboratory, from its lab.env."""
    lines = (pathlib.Path(folder) / "lab.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def step_inside(settings):
    """The words before a command that is to run inside."""
    return ["nsenter", "--target", settings["LAB_PID"], "--net", "--mount"]


def wait_for(condition, what, seconds=30):
    """Waits until `condition()` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.03)


def counted(folder):
    """The laboratory's count of connections, written after this was called."""
    now, counts = time.time(), folder / "connections.json"
    wait_for(lambda: counts.exists() and counts.stat().st_mtime > now, "the count of connections")
    return counts


class Running:
    """A laboratory for the length of a `with`; gives its settings."""

    def __init__(self, folder):
        self.folder = folder
        up = pathlib.Path(__file__).resolve().parents[1] / "up"
        self.process = subprocess.Popen([str(up), str(folder)], stdin=subprocess.DEVNULL)

    def __enter__(self):
        try:
            wait_for(lambda: (self.folder / "lab.env").exists() or self.process.poll() is not None, "the laboratory", 90)
            if self.process.poll() is not None:
                raise RuntimeError(f"the laboratory ended with {self.process.returncode}")
            return of(self.folder)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
