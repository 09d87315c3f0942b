"""A mail server that takes every mail and keeps it, for tests that read what people would."""

from __future__ import annotations

import asyncio
import email
import threading
from dataclasses import dataclass
from email.message import Message
from email.policy import default

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True, kw_only=True)
class Mail:
    """sender: the From header. text: what a person reads."""

    to: str
    sender: str
    subject: str
    text: str


class Mailbox:
    """with Mailbox("172.18.0.1") as mailbox: ...; `host` and `port` are where mail goes to.

    Closed and opened again it listens where it did: a mail server that was away.
    """

    def __init__(self, host: str, port: int = 0) -> None:
        self.host = host
        self.port = port
        self._mails: list[Mail] = []
        self._arrived = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Mailbox:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        loop = self._loop = asyncio.new_event_loop()
        serving = loop.run_until_complete(loop.create_server(lambda: SMTP(self, loop=loop), self.host, self.port))
        self.port = serving.sockets[0].getsockname()[1]

        def serve() -> None:
            loop.run_forever()
            serving.close()
            loop.close()

        self._serving = threading.Thread(target=serve, daemon=True)
        self._serving.start()

    def close(self) -> None:
        """Nobody gets through any more; what had arrived stays."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._serving.join()
            self._loop = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=default)
        with self._arrived:
            self._mails += [_mail(letter, recipient) for recipient in envelope.rcpt_tos]
            self._arrived.notify_all()
        return "250 taken"

    def to(self, address: str) -> list[Mail]:
        """What has arrived for `address`, oldest first."""
        with self._arrived:
            return [mail for mail in self._mails if mail.to == address]

    def wait(self, address: str, count: int = 1, *, seconds: float = 60) -> list[Mail]:
        """All mails to `address`, once there are `count`."""
        with self._arrived:
            came = self._arrived.wait_for(
                lambda: sum(mail.to == address for mail in self._mails) >= count, timeout=seconds
            )
            assert came, (
                f"{address} got {[mail.subject for mail in self._mails if mail.to == address]}, not {count} mails"
            )
        return self.to(address)


def _mail(letter: Message, recipient: str) -> Mail:
    content = letter.get_payload(decode=True)
    assert isinstance(content, bytes)
    return Mail(to=recipient, sender=str(letter["From"]), subject=str(letter["Subject"]), text=content.decode())
