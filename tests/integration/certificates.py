# SPDX-License-Identifier: Apache-2.0
"""Certificates of an authority that is made on the spot, by openssl(1)."""
import pathlib
import subprocess


def _openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options)


class Authority:
    def __init__(self, directory, name="ca"):
        self.dir = pathlib.Path(directory) / name
        self.dir.mkdir()
        self.cert, self.key = self.dir / "ca.crt", self.dir / "ca.key"
        (self.dir / "index").touch()
        (self.dir / "serial").write_text("1000\n")
        (self.dir / "crlnumber").write_text("01\n")
        (self.dir / "conf").write_text(
            f"[ca]\ndefault_ca=it\n[it]\ndatabase={self.dir}/index\nserial={self.dir}/serial\ncrlnumber={self.dir}/crlnumber\n"
            f"new_certs_dir={self.dir}\ncertificate={self.cert}\nprivate_key={self.key}\ndefault_md=sha256\npolicy=any\n"
            "default_crl_days=1\ndefault_days=1\nunique_subject=no\n[any]\ncommonName=supplied\n")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out",
                 self.cert, "-days", 2, "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")

    def issue(self, name, san, start=None, end=None, kind="ec"):
        """Certificate and key, with that subject alternative name ("" for none); times as YYYYMMDDHHMMSSZ."""
        cert, key, request, extensions = (self.dir / f"{name}.{kind}" for kind in ("crt", "key", "csr", "ext"))
        curve = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else []
        _openssl("req", "-newkey", kind, *curve, "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extensions.write_text("basicConstraints=CA:FALSE\n" + (f"subjectAltName={san}\n" if san else ""))
        times = (["-startdate", start] if start else []) + (["-enddate", end] if end else [])
        _openssl("ca", "-batch", "-notext", "-config", self.dir / "conf", "-in", request, "-out", cert, "-extfile", extensions, *times)
        key.chmod(0o600)
        return cert, key

    def revoked(self, *certificates):
        """A list of what was revoked, with these."""
        for certificate in certificates:
            _openssl("ca", "-config", self.dir / "conf", "-revoke", certificate)
        path = self.dir / "list.crl"
        _openssl("ca", "-config", self.dir / "conf", "-gencrl", "-out", path)
        return path
