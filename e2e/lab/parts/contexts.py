"""Which certificate is shown where."""

import ssl
import time


def postfix(certificates):
    """For the healthy hosts."""
    return certificates.host("good", ["mx1.good.test", "mx2.good.test", "mail.good.test", "good.test"])


def served(domains):
    """The domains whose mail the healthy hosts take."""
    return [name for name, domain in domains.items() if any("good.test" in value.lower() for value in
                                                              domain.records.get(("@", "MX"), ["good.test"]))]


def _asn1(days):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 86400 * days))


class Contexts:
    """TLS contexts by the name of what is right or wrong with them."""

    def __init__(self, certificates, domains):
        hosts = [domain.mx for domain in domains.values() if domain.persona]
        pages = [f"{label}.{name}" for name, domain in domains.items()
                 for label in ("mta-sts", "autoconfig", "autodiscover")
                 if (label == "mta-sts" and domain.policy) or (label != "mta-sts" and hasattr(domain, "client"))]
        self.made = {}
        self.bundles = {
            "hosts": certificates.host("hosts", hosts),
            "web": certificates.host("web", pages),
            "other": certificates.host("other", ["www.elsewhere.test"]),
            "self": certificates.host("self", hosts, by=None),
            "chain": certificates.host("chain", hosts, by="between"),
            "stranger": certificates.host("stranger-host", hosts, by="stranger"),
            "expired": certificates.dated("expired", ["mx.cert-expired.test"], _asn1(-100), _asn1(-10)),
            "expired-web": certificates.dated("expired-web", ["mta-sts.sts-expired.test"], _asn1(-100), _asn1(-10)),
            "early": certificates.dated("early", ["mx.cert-early.test"], _asn1(5), _asn1(95)),
        }
        self.bundles["tls-1.0"] = self.bundles["tls-1.2"] = self.bundles["hosts"]

    def bundle(self, name):
        return self.bundles[name]

    def __call__(self, name):
        if name not in self.made:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            if name == "tls-1.0":
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
            if name == "tls-1.2":
                context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(self.bundles[name])
            self.made[name] = context
        return self.made[name]
