"""A WebSocket echo server by the library `websockets`, for tests.

Prints one line per fact: `open PATH SUBPROTOCOL`, `message text|binary LENGTH`, `close CODE REASON`.
The text `close CODE` makes it close with that code.
"""
import argparse
import asyncio
import ssl

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


def pieces(message, length):
    return [message[i:i + length] for i in range(0, len(message), length)]


async def echo(socket, fragment):
    print("open", socket.request.path, socket.subprotocol or "-", flush=True)
    try:
        async for message in socket:
            kind = "text" if isinstance(message, str) else "binary"
            print("message", kind, len(message.encode() if kind == "text" else message), flush=True)
            if kind == "text" and message.startswith("close "):
                await socket.close(int(message.split()[1]), "as asked")
            elif fragment and len(message) > fragment:
                await socket.send(pieces(message, fragment))
            else:
                await socket.send(message)
    except ConnectionClosed:
        pass
    print("close", socket.close_code, socket.close_reason or "-", flush=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--subprotocol", action="append")
    parser.add_argument("--ping-ms", type=int)
    parser.add_argument("--fragment", type=int)
    args = parser.parse_args()
    context = None
    if args.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.cert, args.key)
    server = await serve(
        lambda socket: echo(socket, args.fragment),
        args.host or None,
        args.port,
        ssl=context,
        subprotocols=args.subprotocol,
        ping_interval=args.ping_ms / 1000 if args.ping_ms else None,
        max_size=None,
    )
    await server.serve_forever()


asyncio.run(main())
