"""Faults in what a domain says of its mail: MX, SPF, DKIM, DMARC, MTA-STS, TLSRPT."""


def fill(lab):
    _mx(lab)
    _spf(lab)
    _dkim(lab)
    _dmarc(lab)
    _sts(lab)
    _odd(lab)


def _mx(lab):
    lab.add("mx-none").set("@", "MX")
    lab.add("mx-none-at-all").set("@", "MX").set("@", "A")
    lab.add("mx-null").set("@", "MX", "0 .")
    lab.add("mx-null-mixed").set("@", "MX", "0 .", "10 mx1.good.test.")
    lab.add("mx-cname").set("@", "MX", "10 alias").set("alias", "CNAME", "mx1.good.test.")
    lab.add("mx-ip").set("@", "MX", "10 127.53.3.1.")
    lab.add("mx-ip-inside").set("@", "MX", "10 127.53.3.1")
    lab.add("mx-private").set("@", "MX", "10 mx").set("mx", "A", "10.1.2.3")
    lab.add("mx-private-some").set("@", "MX", "10 mx1.good.test.", "20 mx").set("mx", "A", "192.168.7.8")
    lab.add("mx-nohost").set("@", "MX", "10 mail.gone.test.")
    lab.add("mx-nodata").set("@", "MX", "10 mx").txt("mx", "no address here")
    lab.add("mx-nohost-some").set("@", "MX", "10 mx1.good.test.", "20 mail.gone.test.")
    lab.add("mx-dup").set("@", "MX", "10 mx1.good.test.", "20 mx1.good.test.")
    lab.add("mx-localhost").set("@", "MX", "10 localhost.")


def _spf(lab):
    good = "v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 -all"
    lab.add("spf-none").set("@", "TXT")
    lab.add("spf-two").spf(good, "v=spf1 mx ~all")
    lab.add("spf-syntax").spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 ipv4:127.53.3.9 -all")
    lab.add("spf-badip").spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 ip4:127.53.3.300 -all")
    lab.add("spf-cidr").spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2/33 -all")
    many = lab.add("spf-11")
    for number in range(1, 12):
        many.txt(f"s{number}", f"v=spf1 ip4:127.53.9.{number} -all")
    many.spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 " + " ".join(f"include:s{n}.spf-11.test" for n in range(1, 12)) + " -all")
    deep = lab.add("spf-deep").spf("v=spf1 include:_a.spf-deep.test include:_b.spf-deep.test ip4:127.53.3.1 ip4:127.53.3.2 -all")
    for branch in "ab":
        deep.txt(f"_{branch}", "v=spf1 " + " ".join(f"include:_{branch}{n}.spf-deep.test" for n in range(5)) + " ~all")
        for number in range(5):
            deep.txt(f"_{branch}{number}", f"v=spf1 ip4:127.53.8.{number} -all")
    void = " ".join(f"a:nothing{n}.spf-void.test" for n in range(3))
    lab.add("spf-void").spf(f"v=spf1 {void} ip4:127.53.3.1 ip4:127.53.3.2 -all")
    loop = lab.add("spf-loop").spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 include:_spf.spf-loop.test -all")
    loop.txt("_spf", "v=spf1 include:spf-loop.test -all")
    lab.add("spf-plusall").spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 +all")
    lab.add("spf-neutral").spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 ?all")
    lab.add("spf-include-missing").spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 include:nothing.spf-include-missing.test -all")
    lab.add("spf-ptr").spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 ptr -all")
    lab.add("spf-wide").spf("v=spf1 ip4:127.53.3.1 ip4:40.0.0.0/8 -all")
    lab.add("spf-type99").set("@", "TXT").txt("_spf", good)
    lab.add("spf-after-all").spf("v=spf1 -all ip4:127.53.3.1 ip4:127.53.3.2")


def _dkim(lab):
    name = "default._domainkey"
    key = lab.keys.dkim
    lab.add("dkim-badkey").txt(name, f"v=DKIM1; k=rsa; p={key[:100]}!!{key[102:]}")
    lab.add("dkim-cut").txt(name, f"v=DKIM1; k=rsa; p={key[:120]}")
    lab.add("dkim-512bit").txt(name, f"v=DKIM1; k=rsa; p={lab.keys.dkim_short}")
    lab.add("dkim-1024bit").txt(name, f"v=DKIM1; k=rsa; p={lab.keys.dkim_weak}")
    lab.add("dkim-revoked").txt(name, "v=DKIM1; k=rsa; p=")
    lab.add("dkim-testing").txt(name, f"v=DKIM1; k=rsa; t=y; p={key}")
    lab.add("dkim-two").txt(name, f"v=DKIM1; k=rsa; p={key}", f"v=DKIM1; k=rsa; p={lab.keys.dkim_weak}")
    lab.add("dkim-sha1").txt(name, f"v=DKIM1; h=sha1; k=rsa; p={key}")


def _dmarc(lab):
    lab.add("dmarc-none").set("_dmarc", "TXT")
    lab.add("dmarc-two").txt("_dmarc", "v=DMARC1; p=reject", "v=DMARC1; p=none")
    lab.add("dmarc-syntax").txt("_dmarc", "v=DMARC1; p=rejekt; rua=mailto:dmarc@dmarc-syntax.test")
    lab.add("dmarc-nop").txt("_dmarc", "v=DMARC1; rua=mailto:dmarc@dmarc-nop.test; adkim=x")
    lab.add("dmarc-order").txt("_dmarc", "p=reject; v=DMARC1")
    lab.add("dmarc-apex").set("_dmarc", "TXT").add("@", "TXT", '"v=DMARC1; p=reject"')
    lab.add("dmarc-rua-noauth").txt("_dmarc", "v=DMARC1; p=reject; rua=mailto:reports@second.test")
    lab.add("dmarc-rua-nomx").txt("_dmarc", "v=DMARC1; p=reject; rua=mailto:reports@reports.dmarc-rua-nomx.test")
    lab.add("dmarc-rua-http").txt("_dmarc", "v=DMARC1; p=reject; rua=dmarc@dmarc-rua-http.test")
    lab.add("dmarc-pnone").txt("_dmarc", "v=DMARC1; p=none")
    lab.add("dmarc-pct").txt("_dmarc", "v=DMARC1; p=reject; pct=20")


def _sts(lab):
    for name, mood in (("sts-nopolicy", "404"), ("sts-cert", "wrong-name"), ("sts-expired", "expired"),
                       ("sts-redirect", "redirect"), ("sts-type", "html"), ("sts-big", "big"), ("sts-slow", "hang"),
                       ("sts-500", "500")):
        lab.sts(lab.add(name), mood)
    lab.sts(lab.add("sts-mismatch"), mx=["mail.elsewhere.test"])
    lab.sts(lab.add("sts-mismatch-some"), mx=["mx1.good.test"])
    lab.sts(lab.add("sts-mismatch-testing"), mode="testing", mx=["mail.elsewhere.test"])
    lab.sts(lab.add("sts-notls").host("no-starttls"))
    lab.sts(lab.add("sts-mxcert").host("certificate", certificate="other"))
    lab.sts(lab.add("sts-closed")).set("mta-sts", "A", "127.53.4.9")
    lab.sts(lab.add("sts-nohost")).set("mta-sts", "A")
    lab.sts(lab.add("sts-two")).txt("_mta-sts", "v=STSv1; id=1;", "v=STSv1; id=2;")
    lab.sts(lab.add("sts-noid")).txt("_mta-sts", "v=STSv1;")
    syntax = lab.sts(lab.add("sts-syntax"))
    syntax.policy = ("good", "version: STSv1\nmode: enforced\nmx: mx1.good.test\nmax_age: soon\n")
    lab.add("tlsrpt-syntax").txt("_smtp._tls", "v=TLSRPTv1; rua=tls@tlsrpt-syntax.test")
    lab.add("tlsrpt-two").txt("_smtp._tls", *(f"v=TLSRPTv1; rua=mailto:{n}@tlsrpt-two.test" for n in "ab"))


def _odd(lab):
    """Healthy, and no finding may call it a problem."""
    nothing = lab.add("ok-nomail").set("@", "MX", "0 .").spf("v=spf1 -all")
    nothing.txt("_dmarc", "v=DMARC1; p=reject;").set("default._domainkey", "TXT")
    lab.sts(lab.add("ok-sts"))
    lab.sts(lab.add("ok-sts-wildcard"), mx=["*.good.test"])
    lab.sts(lab.add("ok-sts-testing"), mode="testing")
    lab.sts(lab.add("ok-sts-lf")).policy = ("good", "version: STSv1\nmode: none\nmax_age: 86400\n")
    ten = lab.add("ok-spf-ten")
    for number in range(10):
        ten.txt(f"s{number}", f"v=spf1 ip4:127.53.9.{number} -all")
    ten.spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 " + " ".join(f"include:s{n}.ok-spf-ten.test" for n in range(10)) + " ~all")
    lab.add("ok-spf-redirect").spf("v=spf1 redirect=good.test")
    lab.add("ok-spf-macro").spf("v=spf1 ip4:127.53.3.1 ip4:127.53.3.2 exists:%{i}.allow.ok-spf-macro.test -all")
    lab.add("ok-softfail").spf("v=spf1 mx ~all").txt("_dmarc", "v=DMARC1;p=quarantine;")
    lab.add("ok-spf-caps").spf("V=SPF1 IP4:127.53.3.1 Ip4:127.53.3.2 -ALL")
    given = lab.add("ok-rua-elsewhere").txt("_dmarc", "v=DMARC1; p=reject; rua=mailto:dmarc@good.test!10m")
    lab.domains["good.test"].txt(f"{given.name}._report._dmarc", "v=DMARC1")
    lab.add("ok-dkim-none").set("default._domainkey", "TXT")
    lab.add("ok-dkim-ed25519").txt("ed._domainkey", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    lab.add("ok-dmarc-spaces").txt("_dmarc", "v = DMARC1 ; p = reject ; rua = mailto:dmarc@ok-dmarc-spaces.test ;")
