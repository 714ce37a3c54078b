"""A WebSocket server by the library `websockets` for tests of pressure: it sends a file, or logs numbered messages.

Path /download: sends the file in binary messages of 1 MiB, each in fragments of 64 KiB. Other paths: the part of every
message before `;` is appended to the log, one line each.
"""
import argparse
import asyncio

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

MESSAGE = 1024 * 1024
FRAGMENT = 64 * 1024


async def download(socket, path):
    with open(path, "rb") as file:
        while message := file.read(MESSAGE):
            await socket.send([message[i:i + FRAGMENT] for i in range(0, len(message), FRAGMENT)])
    await socket.wait_closed()


async def note(socket, log):
    async for message in socket:
        text = message if isinstance(message, str) else message.decode()
        log.write(text.split(";", 1)[0] + "\n")
        log.flush()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file")
    parser.add_argument("--log")
    args = parser.parse_args()
    log = open(args.log, "a") if args.log else None

    async def handle(socket):
        try:
            if socket.request.path == "/download":
                await download(socket, args.file)
            else:
                await note(socket, log)
        except ConnectionClosed:
            pass

    server = await serve(
        handle,
        "127.0.0.1",
        args.port,
        ping_interval=None,
        compression=None,
        max_size=None,
        backlog=1000,
    )
    await server.serve_forever()


asyncio.run(main())
