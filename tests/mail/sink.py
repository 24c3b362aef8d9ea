"""A mail server for tests: takes letters over SMTP, checks logins, and writes what it got into a folder.

    sink.py FOLDER [--tls starttls|tls] [--login USER:PASSWORD] [--refuse ADDRESS]

Prints its port and runs until its standard input ends. FOLDER/ca.pem is the certificate to trust, for the name localhost.
Needs aiosmtpd and cryptography.
"""

import argparse
import asyncio
import datetime
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Handler:
    def __init__(self, folder, refused):
        self.folder, self.refused, self.count = folder, refused, 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == self.refused:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        secure = "tls" if session.ssl or server.transport.get_extra_info("sslcontext") else "plain"
        who = session.auth_data.login.decode() if session.auth_data else "-"
        head = f"X-Got: {secure} {who} {envelope.mail_from} {','.join(envelope.rcpt_tos)}\r\n".encode()
        written = self.folder / f"{self.count}.part"
        written.write_bytes(head + envelope.content)
        written.rename(self.folder / f"{self.count}.eml")
        return "250 taken"


def certificate(folder):
    """A certificate for localhost that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(made.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def protocol(handler, args, context):
    """What speaks with one client."""

    def check(server, session, envelope, mechanism, data):
        good = args.login == f"{data.login.decode()}:{data.password.decode()}"
        return AuthResult(success=True, auth_data=data) if good else AuthResult(success=False, handled=False)

    needs_login = args.login is not None
    starttls = args.tls == "starttls"
    return SMTP(
        handler,
        hostname="localhost",
        tls_context=context if starttls else None,
        require_starttls=starttls,
        auth_required=needs_login,
        # Over TLS from the first byte the library does not see that the connection is encrypted.
        auth_require_tls=needs_login and starttls,
        authenticator=check if needs_login else None,
    )


async def serve(args):
    context = certificate(args.folder)
    handler = Handler(args.folder, args.refuse)
    loop = asyncio.get_running_loop()
    secure = context if args.tls == "tls" else None
    server = await loop.create_server(lambda: protocol(handler, args, context), "127.0.0.1", 0, ssl=secure)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tls", choices=["starttls", "tls"])
    parser.add_argument("--login")
    parser.add_argument("--refuse")
    asyncio.run(serve(parser.parse_args()))


main()
