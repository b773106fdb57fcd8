"""The baseline: a bare aiohttp handler that parses the same JSON and answers 202.

A second process of it is the application that takes webhooks.
"""

import json
import sys

from aiohttp import web


async def accept(request: web.Request) -> web.Response:
    """Parse, look, answer."""
    body = await request.json()
    if not body["to"]:
        return web.json_response({"title": "no"}, status=400)
    return web.json_response({"id": "0", "state": "queued"}, status=202)


class Hook:
    """Somebody's application: takes webhooks and tells how many it has had."""

    def __init__(self) -> None:
        self.count = 0

    async def take(self, request: web.Request) -> web.Response:
        """Parse an event and acknowledge it."""
        await request.json()
        self.count += 1
        return web.Response(status=204)

    async def tell(self, _: web.Request) -> web.Response:
        """Say how many events there were."""
        return web.json_response({"count": self.count})


def main() -> None:
    """Serve on the port given."""
    app = web.Application()
    app.router.add_post("/v1/messages", accept)
    hook = Hook()
    app.router.add_post("/hook", hook.take)
    app.router.add_get("/hook", hook.tell)
    port = int(sys.argv[1])
    print(json.dumps({"listening": f"127.0.0.1:{port}"}), flush=True)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
