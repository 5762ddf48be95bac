#!/usr/bin/env python3
"""Pass TCP connections from the machine's loopback into the node's network. usage: forward.py LISTEN TARGET NETWORK_NAMESPACE_FILE

The listening socket is opened first and stays in the network it was opened in; then the process moves into the node's, where it opens the
connections to the target. Bytes pass as they come, and each side may end its half alone, so WebSockets and event streams work.
"""

import asyncio
import ctypes
import os
import socket
import sys

CLONE_NEWNET = 0x40000000


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()  # a reset goes on as a reset


async def serve(listener, target):
    async def connection(reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection(*target)
        except OSError as error:
            print("no connection to", target, error, flush=True)
            writer.transport.abort()
            return
        await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer))
        for each in (writer, there_writer):
            each.close()

    server = await asyncio.start_server(connection, sock=listener)
    print("listening", flush=True)
    await server.serve_forever()


def main(listen, target, namespace):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address(listen))
    listener.listen(1024)
    libc = ctypes.CDLL(None, use_errno=True)
    with open(namespace) as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")
    asyncio.run(serve(listener, address(target)))


main(*sys.argv[1:])
