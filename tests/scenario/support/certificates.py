"""Makes certificates with openssl: a root CA, an intermediate CA, and server certificates."""
import subprocess


def run(*command, at=None):
    """Runs openssl; `at` is the time that it takes for now."""
    earlier = ["faketime", at] if at else []
    subprocess.run([*earlier, "openssl", *command], check=True, capture_output=True)


class Authority:
    """A root CA and an intermediate CA. `root` is the file that clients trust."""

    def __init__(self, folder, name="test"):
        self.folder, self.name, self.made = folder, name, 0
        self.root = f"{folder}/{name}-root.pem"
        self._make_key(f"{name}-root")
        subject = ["-subj", f"/CN={name} root", "-days", "400", "-addext", "basicConstraints=critical,CA:TRUE"]
        run("req", "-x509", "-key", f"{folder}/{name}-root.key", *subject, "-out", self.root)
        self._make_key(f"{name}-intermediate")
        self.intermediate = self._sign(
            f"{name}-intermediate", f"{name} intermediate", f"{name}-root", 400, "basicConstraints=critical,CA:TRUE"
        )

    def issue(self, *names, key="ec", days=30, chain=True, to=None, at=None, more=()):
        """Returns the paths of a certificate with its chain, and of its key. If `to` is a pair, replaces its files."""
        self.made += 1
        stem = f"{self.name}-{self.made}"
        self._make_key(stem, key)
        alternatives = ",".join(f"{'IP' if name[0].isdigit() else 'DNS'}:{name}" for name in names)
        extensions = "\n".join([f"subjectAltName={alternatives}", *more])
        cert = self._sign(stem, names[0], f"{self.name}-intermediate", days, extensions, at)
        if chain:
            with open(cert, "a") as out, open(self.intermediate) as more:
                out.write(more.read())
        pair = {"cert": cert, "key": f"{self.folder}/{stem}.key"}
        if to is None:
            return pair
        for name in ("key", "cert"):
            subprocess.run(["mv", pair[name], to[name]], check=True)
        return to

    def staple(self, pair, status="V", days=1, at=None):
        """Makes an OCSP response for a certificate; status V: valid, R: revoked. Returns its path."""
        self.made += 1
        index, path = f"{self.folder}/index-{self.made}", f"{self.folder}/staple-{self.made}"
        serial = subprocess.run(
            ["openssl", "x509", "-in", pair["cert"], "-noout", "-serial"], check=True, capture_output=True, text=True
        ).stdout.strip()
        revoked = "200101000000Z" if status == "R" else ""
        with open(index, "w") as f:
            f.write(f"{status}\t400101000000Z\t{revoked}\t{serial.removeprefix('serial=')}\tunknown\t/CN=x\n")
        issuer = ["-issuer", self.intermediate, "-CA", self.intermediate, "-rsigner", self.intermediate]
        run(
            *("ocsp", "-index", index, *issuer, "-rkey", f"{self.folder}/{self.name}-intermediate.key"),
            *("-cert", pair["cert"], "-ndays", str(days), "-noverify", "-resp_no_certs", "-respout", path),
            at=at,
        )
        return path

    def _make_key(self, stem, key="ec"):
        kind = {
            "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        }[key]
        run("genpkey", *kind, "-out", f"{self.folder}/{stem}.key")

    def _sign(self, stem, subject, issuer, days, extension, at=None):
        path = f"{self.folder}/{stem}"
        run("req", "-new", "-key", f"{path}.key", "-subj", f"/CN={subject}", "-out", f"{path}.csr")
        with open(f"{path}.ext", "w") as f:
            f.write(extension + "\n")
        run(
            *("x509", "-req", "-in", f"{path}.csr", "-CA", f"{self.folder}/{issuer}.pem"),
            *("-CAkey", f"{self.folder}/{issuer}.key", "-CAcreateserial", "-days", str(days)),
            *("-extfile", f"{path}.ext", "-out", f"{path}.pem"),
            at=at,
        )
        return f"{path}.pem"
