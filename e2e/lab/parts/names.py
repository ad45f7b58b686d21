"""Faults of the name service, and healthy set-ups that look odd."""

from . import liar

OLD = "127.53.2.1"      # the second Knot, with the outdated zones
SILENT = "127.53.2.4"   # dropped by the firewall
SILENT_TOO = "127.53.2.44"
NOBODY = "127.53.2.99"  # no process there: the kernel says so
FIRST, OTHER, THIRD = "ns1.good.test.", "ns2.good.test.", "ns3.good.test."


def fill(lab):
    _versions(lab)
    _servers(lab)
    _delegations(lab)
    _contents(lab)
    _signatures(lab)
    _odd(lab)


def _versions(lab):
    lab.add("serial").ns(FIRST, OLD).older(serial=2026102201)
    lab.add("rrsame").ns(FIRST, OLD).older().set("@", "MX", "10 mx.silent.test.")
    both = lab.add("rrserial").ns(FIRST, OLD)
    both.older(serial=2026102201).set("@", "MX", "10 mx.refused.test.")
    lab.add("rrspf").ns(FIRST, OLD).older().spf("v=spf1 ip4:127.53.9.9 -all")


def _servers(lab):
    lab.add("lame").ns(FIRST, OTHER, liar.REFUSED)
    lab.add("lame-servfail").ns(FIRST, OTHER, liar.SERVFAIL)
    lab.add("lame-noaa").ns(FIRST, OTHER, liar.NO_AUTHORITY)
    lab.add("lame-upward").ns(FIRST, OTHER, liar.UPWARD)
    lab.add("all-lame").ns(liar.REFUSED, liar.SERVFAIL)
    lab.add("silent-ns").ns(FIRST, OTHER, SILENT)
    lab.add("all-silent").ns(SILENT, SILENT_TOO)
    lab.add("closed-ns").ns(FIRST, OTHER, NOBODY)
    lab.add("garbage-ns").ns(FIRST, OTHER, liar.GARBAGE)
    lab.add("wrongid-ns").ns(FIRST, OTHER, liar.WRONG_ID)
    lab.add("short-ns").ns(FIRST, OTHER, liar.LYING_LENGTH)
    big = lab.add("no-tcp").ns(liar.NO_TCP, liar.NO_TCP_EITHER)
    big.txt("@", "v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 -all", *(f"verification-{n}={'x' * 200}" for n in range(12)))
    lab.add("no-edns").ns(FIRST, liar.NO_EDNS)
    lab.add("no-txt").ns(liar.DROPS_TXT, liar.DROPS_TXT_TOO)


def _delegations(lab):
    lab.add("parentchild").child_servers = [(FIRST, None), (THIRD, None)]
    glue = lab.add("glue").ns(FIRST, "127.53.2.98")
    glue.child_servers = [(FIRST, None), ("ns2.glue.test.", "127.53.11.1")]
    lab.add("ns-nohost").ns(FIRST, "ns7.good.test.")
    lab.add("all-nohost").ns("ns7.good.test.", "ns8.good.test.")
    lab.add("one-ns").ns(FIRST)
    lab.add("cname-apex").ns(liar.ALIAS, liar.ALIAS_TOO)
    gone = lab.add("nxdomain")
    gone.delegated, gone.registry = False, {"mood": "404"}


def _contents(lab):
    lab.add("ttl0").set("@", "MX", "10 mx1.good.test.").records[("@", "MX")] = ["10 mx1.good.test."]
    ttl = lab.domains["ttl0.test"]
    ttl.records[("@ 0", "MX")] = ttl.records.pop(("@", "MX"))
    soa = lab.add("soa-expire")
    soa.records[("@", "SOA")] = ["ns1.good.test. hostmaster.good.test. 2026112701 86400 3600 3600 300"]
    wild = lab.add("wildcard").txt("*", "v=spf1 -all").set("*", "A", "127.53.4.1")
    wild.set("_dmarc", "TXT").set("default._domainkey", "TXT")
    lab.add("dane-servfail").host("good").ns(liar.TLSA_SERVFAIL, liar.TLSA_SERVFAIL_TOO)


def _signatures(lab):
    for name, way in (("bogus-sig", "tampered"), ("bogus-nosig", "stripped"), ("bogus-expired", "expired"),
                      ("sig-future", "future"), ("sig-soon", "soon")):
        lab.signed(name, way)
    lab.signed("bogus-ds").secure = "wrong"
    lab.add("bogus-unsigned").secure = "right"
    lab.signed("alg-sha1", "sha1")
    lab.signed("nsec3-iterations", "iterations")
    lab.dane(lab.signed("dane-mismatch").host("good"), "3 1 1 " + "ab" * 32)
    lab.dane(lab.add("dane-unsigned").host("good"))
    lab.dane(lab.signed("dane-notls").host("no-starttls"))


def _odd(lab):
    """Healthy, and no finding may call it a problem."""
    lab.signed("ok-nsec3", "nsec3")
    lab.dane(lab.signed("ok-dane").host("good"))
    rollover = lab.signed("ok-dane-rollover").host("good")
    rollover.set("_25._tcp.mx", "TLSA", "3 1 1 " + "cd" * 32, lab.keys.tlsa)
    lab.add("ok-one-mx").host("good")
    lab.add("ok-three-ns").ns(FIRST, OTHER, THIRD)
    lab.add("ok-own-ns").ns("127.53.1.1", "127.53.11.1")
    lab.add("ok-short-ttl").records[("@ 120", "A")] = ["127.53.4.2"]
    lab.add("ok-wildcard-a").set("*", "A", "127.53.4.1")
    many = lab.add("ok-big-txt")
    many.txt("@", "v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 -all", *(f"verification-{n}={'x' * 120}" for n in range(14)))
    lab.add("ok-unix-serial").serial = 1764200000
    lab.add("xn--bcher-kva").txt("_dmarc", "v=DMARC1; p=reject")
    alias = lab.add("ok-dkim-alias")
    alias.set("default._domainkey", "TXT").set("default._domainkey", "CNAME", "default._domainkey.good.test.")
    lab.add("ok-case").set("@", "MX", "10 MX1.Good.TEST.")
