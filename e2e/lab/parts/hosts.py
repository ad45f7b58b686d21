"""The faulty mail hosts: a domain for each, with nothing else wrong."""

# Domain, persona. The first ones are those that every laboratory has.
FAULTY = """
refused refused
filtered filtered
unreachable unreachable
reset reset
silent silent
banner-slow slow-banner
banner-554 banner-554
banner-421 banner-421
banner-then-421 late-421
banner-ssh ssh
banner-http http
banner-http-now http-now
banner-flood flood
banner-close close
banner-late-lines many-lines
no-starttls no-starttls
starttls-454 starttls-454
starttls-garbage starttls-garbage
starttls-hang starttls-hang
starttls-close starttls-close
tls-1.0 tls-1.0
pix pix
helo-only helo-only
ehlo-close ehlo-close
no-null no-null
no-postmaster no-postmaster
no-abuse no-abuse
relay relay
catchall catchall
greylist greylist
limit limit
limit-first limit-first
auth-clear auth-clear
vrfy vrfy
helo-other helo-other
helo-unqualified helo-unqualified
smuggle smuggle
inject inject
tarpit tarpit
blocked blocked
mail-450 all-450
mail-hang hang-mail
size-small size-small
early-talk impatient
""".split("\n")


def fill(lab):
    for line in filter(None, FAULTY):
        name, persona = line.split()
        lab.add(name.replace(".", "")).host(persona)
    lab.add("cert-expired").host("certificate", certificate="expired")
    lab.add("cert-early").host("certificate", certificate="early")
    lab.add("cert-name").host("certificate", certificate="other")
    lab.add("cert-self").host("certificate", certificate="self")
    lab.add("cert-chain").host("certificate", certificate="chain")
    lab.add("cert-stranger").host("certificate", certificate="stranger")
    lab.add("ptr-none").host("good").reverse = None
    lab.add("ptr-other").host("good").reverse = "mail.elsewhere.test."
    generic = lab.add("ptr-generic").host("good")
    generic.reverse = f"{generic.address.replace('.', '-')}.dyn.ptr-generic.test."
    generic.set(generic.reverse, "A", generic.address)
    # Some of several hosts are well: mail arrives all the same.
    for name, persona in (("some-refused", "refused"), ("some-filtered", "filtered"), ("some-554", "banner-554")):
        lab.add(name).host(persona).set("@", "MX", f"10 mx.{name}.test.", "20 mx1.good.test.").spf("v=spf1 mx -all")
    lab.add("ok-nolisting").host("refused").set("@", "MX", "0 mx", "10 mx1.good.test.", "20 mx2.good.test.").spf("v=spf1 mx -all")
    lab.add("ok-postscreen").host("postscreen")
    lab.add("ok-plain").host("good")
    lab.add("ok-slow").host("slow")
    lab.add("ok-tls12").host("tls-1.2")
