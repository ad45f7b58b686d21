"""One domain of the laboratory: what its zone says, what the parent says, what the registry says."""

import copy
import itertools

SERIAL = 2026112701
HOME = ("127.53.1.1", "127.53.11.1", "127.53.21.1")  # the name servers of good.test, all three healthy


def text(value):
    """A character string or more, as a zone file has them."""
    return " ".join('"' + value[at:at + 250].replace("\\", "\\\\").replace('"', '\\"') + '"'
                    for at in range(0, len(value), 250))


class Domain:
    """Begins healthy; the catalogue then breaks one thing."""

    _addresses = itertools.count(10)

    def __init__(self, name, dkim):
        self.name = name
        self.serial = SERIAL
        self.records = {}
        self.servers = [("ns1.good.test.", None), ("ns2.good.test.", None)]  # with glue where it is needed
        self.child_servers = None  # the NS set in the zone itself, when it is another one
        self.sign = None           # None, or how: see signing.py
        self.secure = None         # what the parent's DS says: None as the zone is, "wrong", "right" although unsigned
        self.second = None         # the zone as the second, outdated server has it
        self.delegated = True
        self.registry = {}         # what RDAP says other than usual
        self.persona = None        # the mail host, when it is a faulty one
        self.address = None
        self.reverse = "match"
        self.policy = None         # what the web server says as MTA-STS policy
        self.records[("@", "SOA")] = []
        self.set("@", "MX", "10 mx1.good.test.", "20 mx2.good.test.")
        self.set("@", "A", "127.53.4.1")
        self.txt("@", "v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 -all")
        self.txt("_dmarc", f"v=DMARC1; p=reject; rua=mailto:dmarc@{name}")
        self.txt("default._domainkey", f"v=DKIM1; k=rsa; p={dkim}")

    def set(self, owner, kind, *values):
        """Replaces a set of records; without values it is gone."""
        self.records.pop((owner, kind), None)
        if values:
            self.records[(owner, kind)] = list(values)
        return self

    def add(self, owner, kind, *values):
        """Adds to a set of records."""
        self.records.setdefault((owner, kind), []).extend(values)
        return self

    def txt(self, owner, *values):
        """Replaces the TXT records of a name."""
        return self.set(owner, "TXT", *map(text, values))

    def spf(self, *values):
        return self.txt("@", *values)

    def host(self, persona, **how):
        """A mail host of its own, on an address of its own."""
        self.persona = (persona, how)
        self.address = f"127.53.6.{next(self._addresses)}"
        self.set("@", "MX", f"10 mx.{self.name}.").set("mx", "A", self.address)
        return self.spf(f"v=spf1 ip4:{self.address} -all")

    @property
    def mx(self):
        return f"mx.{self.name}"

    def ns(self, *servers):
        """The name servers, at the parent and in the zone. With an address a server is of this domain, with glue."""
        self.servers = [(f"ns{n}.{self.name}.", server) if server[0].isdigit() else (server, None)
                        for n, server in enumerate(servers, 1)]
        return self

    def older(self, **changes):
        """The second server's outdated version."""
        self.second = copy.deepcopy(self)
        for name, value in changes.items():
            setattr(self.second, name, value)
        return self.second

    def zone(self):
        """As a zone file."""
        lines = [f"$ORIGIN {self.name}.", "$TTL 3600"]
        servers = self.child_servers if self.child_servers is not None else self.servers
        soa = f"ns1.good.test. hostmaster.good.test. {self.serial} 3600 900 1209600 300"
        for (owner, kind), values in self.records.items():
            for value in values or [soa]:  # only the SOA may be left to the usual
                lines.append(f"{owner} {kind} {value}")
        lines += [f"@ NS {server}" for server, _ in servers]
        lines += [f"{server} A {glue}" for server, glue in servers if glue]
        return "\n".join(dict.fromkeys(lines)) + "\n"

    def delegation(self, ds):
        """As the parent has it."""
        if not self.delegated:
            return []
        lines = [f"{self.name}. NS {server}" for server, _ in self.servers]
        lines += [f"{server} A {glue}" for server, glue in self.servers if glue]
        return lines + [f"{self.name}. DS {digest}" for digest in ds]
