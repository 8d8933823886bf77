"""Lets nobody use a web server of ours but its own pages and the holder of this start's token.

Dagster's server does what any request says, even by GET, and the pages of `slingshot browse` show and change the
warehouse. Both listen on 127.0.0.1 only, but that is no protection: every page that is open in a browser of this
machine can send requests there, and so can every other user of the machine.
"""

from __future__ import annotations

import hmac

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "SLINGSHOT_UI_TOKEN"
"""The environment variable with the token, in the web server's process only."""

NAMES = ("127.0.0.1", "localhost", "[::1]")
"""The names under which the UI may be asked. Any other name that leads here was set by somebody else's DNS."""

OWN_PAGE = {"same-origin", "none"}
"""The values of Sec-Fetch-Site for requests of the UI itself, and of an address that a person has typed or opened."""

TOKEN_MISSING = (
    "Open the address that was printed at the start: it has the token of this start, which the browser then keeps. "
    "Programs send the header `Authorization: Bearer TOKEN`."
)


class Guard:
    """ASGI middleware that passes a request or WebSocket on only if all of this holds:

    - `Host` is one of NAMES with `port`, and `Origin`, if there is one, is the same address.
    - `Sec-Fetch-Site`, if there is one, says that no page of another origin has sent it. For a browser, another port of
      the same host is the same site, so a cookie alone does not protect from pages there.
    - The method is GET, HEAD or POST; a POST is JSON by its only `Content-Type`, which no form can send; and a GET of
      /graphql has no query, so that GET changes nothing.
    - It has `token`: in a SameSite=Strict cookie, or as `Authorization: Bearer`. Opening any page with `?token=`
      sets the cookie. A browser sends cookies to all ports of a host, so a server of another user on the same address
      could read it from a person who visits that server.

    Everything else gets status 403, 405 or 415 and a line that says why. The pages that are passed on cannot be put
    into a frame, and load pictures and data from the UI only, whatever a row of a data set says. `policy` has further
    directives of their Content-Security-Policy. `start` is the page that is opened first.
    """

    def __init__(self, app: ASGIApp, port: int, token: str, policy: str = "", start: str = "/") -> None:
        self.app = app
        self.token = token
        self.start = start
        self.cookie = f"slingshot-{port}"
        # Browsers leave out the port that http has by default.
        self.hosts = {name if port == 80 else f"{name}:{port}" for name in NAMES}
        # A policy has no form for addresses of IPv6, and not every browser takes 'self' for WebSockets as well.
        sockets = " ".join(sorted(f"ws://{host}" for host in self.hosts if "[" not in host))
        self.policy = (
            "frame-ancestors 'none'; form-action 'self'; frame-src 'none'; font-src 'self' data:; media-src 'self'; "
            f"img-src 'self' data: blob:; connect-src 'self' {sockets}{'; ' if policy else ''}{policy}"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes it on, or answers it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif (answer := self._answer(scope)) is None:
            await self.app(scope, receive, self._protected(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        """What is answered instead of Dagster; None if Dagster may answer."""
        request, path = HTTPConnection(scope), scope["path"]
        if not path.startswith("/"):
            return _refused(403, "This address is that of another server.")
        hosts = [host.lower() for host in request.headers.getlist("host")]
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return _refused(403, f"The UI answers only as {', '.join(sorted(self.hosts))}.")
        if any(origin.lower() != f"http://{hosts[0]}" for origin in request.headers.getlist("origin")):
            return _refused(403, "A page of another origin may not use the UI.")
        if not set(request.headers.getlist("sec-fetch-site")) <= OWN_PAGE:
            return _refused(403, "A page of another site may not use or open the UI. Type or paste its address.")
        if scope["type"] == "http":
            if scope["method"] not in ("GET", "HEAD", "POST"):
                return _refused(405, "Only GET, HEAD and POST are allowed.")
            if scope["method"] == "POST":
                if [_media_type(value) for value in request.headers.getlist("content-type")] != ["application/json"]:
                    return _refused(415, "A POST needs the Content-Type application/json.")
            elif path.rstrip("/") == "/graphql" and scope["query_string"]:
                return _refused(405, "GraphQL is asked by POST only.")
            elif self._is_token(request.query_params.get("token", "")):
                opened = RedirectResponse(self.start, 303)
                opened.set_cookie(self.cookie, self.token, path="/", httponly=True, samesite="strict")
                return opened
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if self._is_token(request.cookies.get(self.cookie, "")) or (kind == "Bearer" and self._is_token(value)):
            return None
        return _refused(403, TOKEN_MISSING)

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self.token.encode())

    def _protected(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # A browser obeys all policies that it gets, so Dagster's own stays in use.
                headers.append("Content-Security-Policy", self.policy)
                headers["X-Frame-Options"] = "DENY"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        return sent


def _media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def _refused(status: int, why: str) -> Response:
    return PlainTextResponse(f"slingshot: {why}\n", status, {"Cache-Control": "no-store"})
