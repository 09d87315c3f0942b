"""A mail server that takes every mail and keeps it, for tests that read what people would."""

from __future__ import annotations

import email
import re
import socketserver
import threading
import time
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default


@dataclass(frozen=True, kw_only=True)
class Mail:
    """sender: the From header. text: what a person reads, as plain text where the mail has it. at: time.monotonic() of
    its arrival."""

    to: str
    sender: str
    subject: str
    text: str
    at: float


class Mailbox:
    """with Mailbox("172.18.0.1") as mailbox: ...; `host` and `port` are where mail goes to.

    Closed and opened again it listens where it did: a mail server that was away.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 0
        self._mails: list[Mail] = []
        self._arrived = threading.Condition()
        self._server: socketserver.ThreadingTCPServer | None = None

    def __enter__(self) -> Mailbox:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        self._server = _Server((self.host, self.port), _conversation(self))
        self.port = self._server.server_address[1]
        # Threads see the network of the one that starts them.
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Nobody gets through any more; what had arrived stays."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, recipients: list[str], content: bytes) -> None:
        letter = email.message_from_bytes(content, policy=default)
        assert isinstance(letter, EmailMessage)
        body = letter.get_body(("plain", "html"))
        assert body, "the mail says something"
        text, sender, subject = str(body.get_content()), str(letter["From"]), str(letter["Subject"])
        now = time.monotonic()
        with self._arrived:
            self._mails += [Mail(to=to, sender=sender, subject=subject, text=text, at=now) for to in recipients]
            self._arrived.notify_all()

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
            subjects = [mail.subject for mail in self._mails if mail.to == address]
            assert came, f"{address} got {subjects}, not {count} mails"
        return self.to(address)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _conversation(mailbox: Mailbox) -> type[socketserver.StreamRequestHandler]:
    """RFC 5321, the receiving half, as far as it is needed to be sent a mail; encryption and logins are not offered."""

    class Conversation(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            recipients: list[str] = []
            self.say("220 mailbox ready")
            while line := self.rfile.readline().decode(errors="replace"):
                verb = line.strip().partition(" ")[0].upper()
                if verb in ("HELO", "EHLO"):
                    self.say("250 mailbox")
                elif verb in ("MAIL", "RSET", "NOOP"):
                    recipients.clear()
                    self.say("250 ok")
                elif verb == "RCPT":
                    recipients += re.findall(r"<(.+?)>", line)
                    self.say("250 ok")
                elif verb == "DATA":
                    self.say("354 go on")
                    mailbox.take(recipients, b"".join(self.lines()))
                    self.say("250 taken")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("502 not here")

        def lines(self) -> list[bytes]:
            """The content up to the line that is a dot alone; a dot before a dot was put there for the way."""
            found: list[bytes] = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                found.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return found

    return Conversation
