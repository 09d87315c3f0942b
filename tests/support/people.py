"""A user of the application, as far as plain HTTP reaches: accounts, not lists (those live in the browser)."""

from __future__ import annotations

import secrets
import ssl

import httpx

from tests.support.checkout import Checkout

PASSWORD = "correct horse battery staple"


class Person:
    """Talks to the stack's edge, trusting only the stack's own certificate authority."""

    def __init__(self, checkout: Checkout, name: str) -> None:
        self.name = name
        self.email = f"{name.lower()}-{secrets.token_hex(4)}@example.com"
        self._client = httpx.Client(
            base_url=checkout.url,
            verify=ssl.create_default_context(cafile=str(checkout.ca_file)),
            headers={"Origin": checkout.url},
            timeout=30,
            trust_env=False,
        )

    def register(self) -> None:
        answer = self._post("register", email=self.email, password=PASSWORD, name=self.name)
        assert answer.status_code == 202, f"registering answers {answer.status_code}: {answer.text}"

    def login(self) -> dict[str, str]:
        """The user as the server knows them."""
        answer = self._post("login", email=self.email, password=PASSWORD)
        assert answer.status_code == 200, f"logging in answers {answer.status_code}: {answer.text}"
        user: dict[str, str] = answer.json()["user"]
        return user

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)

    def send(self, method: str, path: str, **body: str) -> httpx.Response:
        """A write as the page sends it."""
        return self._client.request(method, path, json=body)

    def _post(self, action: str, **body: str) -> httpx.Response:
        return self._client.post(f"/api/auth/{action}", json=body)
