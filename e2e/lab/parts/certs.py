"""Certificates of the laboratory's own authority, good ones and bad ones."""

import base64
import hashlib
import subprocess


class Certificates:
    """Each certificate is a file NAME.pem with the key, for `ssl` and for Postfix alike."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        # One key for all: what differs between good and bad certificates here is never the key.
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "host.key")
        self._authority("ca", "Lab Root CA")
        self._authority("between", "Lab Intermediate CA", by="ca")
        self._authority("stranger", "Unknown CA")
        self.ca = folder / "ca.crt"
        self.key = folder / "host.key"

    def _openssl(self, *words, stdin=None):
        done = subprocess.run(["openssl", *map(str, words)], cwd=self.folder, input=stdin, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {words}: {done.stderr.decode()}")
        return done.stdout

    def _authority(self, name, subject, by=None):
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
        signer = ("-CA", f"{by}.crt", "-CAkey", f"{by}.key") if by else ()
        self._openssl("req", "-x509", "-key", f"{name}.key", "-subj", f"/CN={subject}", "-days", 3650, *signer,
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", f"{name}.crt")

    def host(self, file, names, by="ca", days=80, chain=()):
        """A certificate for host names; `by` None makes it self-signed."""
        signer = ("-CA", f"{by}.crt", "-CAkey", f"{by}.key") if by else ()
        self._openssl("req", "-x509", "-key", "host.key", "-subj", f"/CN={names[0][:60]}", "-days", days, *signer,
                      *self._extensions(names), "-out", f"{file}.crt")
        return self._bundle(file, chain)

    def dated(self, file, names, start, end):
        """A certificate that is valid between two times, both in the form of ASN.1."""
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial").write_text(f"{abs(hash(file)) % 2**60:016x}\n")
        (self.folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=lab\n[lab]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
            "policy=any\nunique_subject=no\nx509_extensions=leaf\n[any]\ncommonName=supplied\n"
            f"[leaf]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName={self._alternatives(names)}\n")
        self._openssl("req", "-new", "-key", "host.key", "-subj", f"/CN={names[0]}", "-out", f"{file}.csr")
        self._openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.crt", "-keyfile", "ca.key",
                      "-startdate", start, "-enddate", end, "-in", f"{file}.csr", "-out", f"{file}.crt")
        return self._bundle(file, ())

    @staticmethod
    def _alternatives(names):
        return ",".join(f"DNS:{name}" for name in names)

    def _extensions(self, names):
        return ("-addext", f"subjectAltName={self._alternatives(names)}", "-addext", "basicConstraints=critical,CA:FALSE",
                "-addext", "extendedKeyUsage=serverAuth")

    def _bundle(self, file, chain):
        parts = [(self.folder / f"{name}.crt").read_text() for name in (file, *chain)]
        bundle = self.folder / f"{file}.pem"
        bundle.write_text("".join([self.key.read_text(), *parts]))  # Postfix wants the key first
        return bundle

    def tlsa(self):
        """`3 1 1` of the key that all hosts have."""
        der = self._openssl("pkey", "-in", "host.key", "-pubout", "-outform", "DER")
        return f"3 1 1 {hashlib.sha256(der).hexdigest()}"

    def dkim(self, bits):
        """The `p=` of a fresh RSA key."""
        key = self._openssl("genrsa", bits)
        return base64.b64encode(self._openssl("pkey", "-pubout", "-outform", "DER", stdin=key)).decode()
