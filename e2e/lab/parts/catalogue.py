"""All domains of the laboratory: a healthy one, healthy odd ones, and one for each fault."""

from . import clients, hosts, identity, names, registrations
from .domain import HOME, Domain


class Keys:
    """What records need of the certificates."""

    def __init__(self, certificates):
        self.dkim = certificates.dkim(2048)
        self.dkim_weak = certificates.dkim(1024)
        self.dkim_short = certificates.dkim(512)
        self.tlsa = certificates.tlsa()


class Catalogue:
    """Domains by name; `add` makes a healthy one under `test`."""

    def __init__(self, keys):
        self.keys = keys
        self.domains = {}
        self._good()
        for group in (names, identity, hosts, registrations, clients):
            group.fill(self)

    def add(self, label):
        domain = Domain(label if "." in label else f"{label}.test", self.keys.dkim)
        assert domain.name not in self.domains, domain.name
        self.domains[domain.name] = domain
        return domain

    def signed(self, label, way="good"):
        domain = self.add(label)
        domain.sign = way
        return domain

    def sts(self, domain, mood="good", mode="enforce", mx=None):
        """An MTA-STS record, and the policy that the web server gives."""
        domain.txt("_mta-sts", "v=STSv1; id=20261101;").set("mta-sts", "A", "127.53.4.1")
        hosts_allowed = mx or [value.split()[1].rstrip(".") for value in domain.records[("@", "MX")]]
        lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts_allowed), "max_age: 604800", ""]
        domain.policy = (mood, "\r\n".join(lines))
        return domain

    def dane(self, domain, value=None):
        """A host of its own in a signed zone, with a TLSA record."""
        return domain.set("_25._tcp.mx", "TLSA", value or self.keys.tlsa)

    def _good(self):
        good = self.signed("good")
        good.servers = [(f"ns{n}.good.test.", address) for n, address in enumerate(HOME, 1)]
        good.txt("@", "v=spf1 mx -all", "site-verification=5f0c1a").txt(
            "_dmarc", "v=DMARC1; p=reject; sp=reject; rua=mailto:dmarc@good.test")
        for number in (1, 2):
            good.set(f"mx{number}", "A", f"127.53.3.{number}")
            good.set(f"_25._tcp.mx{number}", "TLSA", self.keys.tlsa)
        good.set("mail", "A", "127.53.3.3").set("www", "A", "127.53.4.1")
        good.txt("_smtp._tls", "v=TLSRPTv1; rua=mailto:tlsrpt@good.test")
        good.set("@", "CAA", '0 issue "ca.good.test"')
        clients.settings(good, "mail.good.test")
        self.sts(good)
        second = self.add("second")
        clients.settings(second, "mail.good.test")
        # Where the healthy hosts' certificates and addresses are looked up by name.
        self.add("nic").set("a", "A", "127.53.0.2").set("rdap", "A", "127.53.5.1").set("whois", "A", "127.53.5.44")


def reverse(domains):
    """The zone of the addresses."""
    pointers = {"127.53.3.1": "mx1.good.test.", "127.53.3.2": "mx2.good.test.", "127.53.3.3": "mail.good.test.",
                "127.53.4.1": "www.good.test."}
    for domain in domains.values():
        if domain.address and domain.reverse:
            pointers[domain.address] = f"{domain.mx}." if domain.reverse == "match" else domain.reverse
    lines = ["$ORIGIN 53.127.in-addr.arpa.", "$TTL 3600",
             "@ SOA ns1.good.test. hostmaster.good.test. 2026112701 3600 900 1209600 300",
             "@ NS ns1.good.test.", "@ NS ns2.good.test."]
    for address, name in pointers.items():
        third, fourth = address.split(".")[2:]
        lines.append(f"{fourth}.{third} PTR {name}")
    return "\n".join(lines) + "\n"
