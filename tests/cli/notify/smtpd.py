"""A mail server by aiosmtpd: STARTTLS and a login are asked for; what comes is written as JSON, read by Python's own parser."""
import asyncio, email, email.policy, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult

port, cert, key, out = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        with open(out, "a", encoding="utf-8") as file:
            file.write(json.dumps({
                "from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": str(mail["subject"]),
                "id": mail["x-wharf-id"], "date": mail["date"].datetime.isoformat(), "tls": session.ssl is not None,
                "login": session.auth_data.decode() if session.auth_data else None, "text": mail.get_content(),
                "defects": [str(one) for one in mail.defects], "longest": max(map(len, envelope.content.split(b"\r\n"))),
            }) + "\n")
        return "250 2.0.0 queued as 4711"


def login(server, session, envelope, mechanism, data):
    good = data.login == b"wharf" and data.password == b"geheim"
    return AuthResult(success=good, handled=False, auth_data=data.login)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def factory():
        smtp = SMTP(Handler(), hostname="localhost", tls_context=context, require_starttls=True,
                    auth_required=True, authenticator=login)
        return smtp

    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


asyncio.run(main())
