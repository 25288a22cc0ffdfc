"""A mail server for tests: keeps each mail as a file of JSON, and refuses what a file beside them says.

    smtp-sink.py DIRECTORY PORT TLS_PORT CERTIFICATE KEY SIZE
"""
import asyncio
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

DIRECTORY, PORT, TLS_PORT, CERTIFICATE, KEY, SIZE = sys.argv[1:]
REFUSALS = os.path.join(DIRECTORY, "refusals.json")
MAILS = os.path.join(DIRECTORY, "mails")


async def refusal(command, argument=""):
    """The reply that the file has for a command; with the member `to`, for one recipient only. Instead of an empty one nothing is said."""
    try:
        with open(REFUSALS) as file:
            refusals = json.load(file)
    except FileNotFoundError:
        return None
    found = refusals.get(command)
    if found is None or ("to" in found and found["to"] != argument):
        return None
    if found["reply"] == "":
        await asyncio.Event().wait()
    return found["reply"]


class Sink:
    """aiosmtpd asks it what to answer."""

    count = 0

    async def handle_MAIL(self, server, session, envelope, address, options):
        reply = await refusal("MAIL", address)
        if reply is None:
            envelope.mail_from = address
        return reply or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = await refusal("RCPT", address)
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        reply = await refusal("DATA")
        if reply is None:
            Sink.count += 1
            mail = {
                "from": envelope.mail_from, "to": envelope.rcpt_tos, "secure": server.transport.get_extra_info("ssl_object") is not None, "user": session.auth_data,
                "content": envelope.original_content.decode("latin-1"),
            }
            name = os.path.join(MAILS, f"{os.getpid()}-{Sink.count:08}")
            with open(name + ".part", "w") as file:
                json.dump(mail, file)
            os.rename(name + ".part", name + ".json")
        return reply or "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    fits = (data.login, data.password) == (b"salt", b"a-password")
    return AuthResult(success=fits, handled=fits, auth_data=data.login.decode() if fits else None)


async def main():
    os.makedirs(MAILS, exist_ok=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)

    loop = asyncio.get_running_loop()

    def protocol(**more):
        return SMTP(
            Sink(), hostname="sink", data_size_limit=int(SIZE), enable_SMTPUTF8=True, authenticator=authenticate, auth_require_tls=False, loop=loop, **more
        )

    await loop.create_server(protocol, "127.0.0.1", int(TLS_PORT), ssl=context)
    await loop.create_server(lambda: protocol(tls_context=context), "127.0.0.1", int(PORT))
    await asyncio.Event().wait()


asyncio.run(main())
