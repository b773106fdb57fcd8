"""The baseline: a bare aiohttp handler that parses the same JSON and answers 202."""

import json
import sys

from aiohttp import web


async def accept(request: web.Request) -> web.Response:
    """Parse, look, answer."""
    body = await request.json()
    if not body["to"]:
        return web.json_response({"title": "no"}, status=400)
    return web.json_response({"id": "0", "state": "queued"}, status=202)


def main() -> None:
    """Serve on the port given."""
    app = web.Application()
    app.router.add_post("/v1/messages", accept)
    port = int(sys.argv[1])
    print(json.dumps({"listening": f"127.0.0.1:{port}"}), flush=True)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
