"""The certificate authority, certificates and keys of a test cluster, made with openssl."""
import os
import subprocess

from kube import Problem

DAYS = "30"

# name: subject, subject alternative names
CERTIFICATES = {
    "server": ("/CN=kube-apiserver",
               "IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"),
    "etcd": ("/CN=etcd", "IP:127.0.0.1,DNS:localhost"),
    "admin": ("/O=system:masters/CN=admin", None),
    "controller-manager": ("/CN=system:kube-controller-manager", None),
}


def openssl(*arguments):
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        raise Problem("openssl is not installed: apt-get install openssl") from None
    if done.returncode != 0:
        raise Problem(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def new_key(path):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))
    os.chmod(path, 0o600)


def make(folder):
    """Writes ca.crt, service-account.key, and NAME.crt and NAME.key for each of CERTIFICATES; what is there stays."""
    ca, ca_key, service_account = folder / "ca.crt", folder / "ca.key", folder / "service-account.key"
    if not ca.exists():
        new_key(ca_key)
        openssl("req", "-x509", "-new", "-key", str(ca_key), "-subj", "/CN=sparkingest test cluster", "-days", DAYS,
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", str(ca))
    if not service_account.exists():
        new_key(service_account)
    for name, (subject, alternatives) in CERTIFICATES.items():
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        if certificate.exists():
            continue
        new_key(key)
        request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
        openssl("req", "-new", "-key", str(key), "-subj", subject, "-out", str(request))
        extensions.write_text("keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"
                              + (f"subjectAltName={alternatives}\n" if alternatives else ""))
        openssl("x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(ca_key), "-CAcreateserial",
                "-days", DAYS, "-extfile", str(extensions), "-out", str(certificate))
        request.unlink()
        extensions.unlink()
