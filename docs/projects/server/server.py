"""A server of OpenAI's chat API that needs no model: eight words an answer, 20 ms apart."""

import asyncio
import contextlib
import json
import sys

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data):
    text = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(text), text)


async def serve(reader, writer):
    with contextlib.suppress(asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.lower().split(b"\r\n")
            size = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
            await reader.readexactly(size)
            if head.startswith(b"POST"):
                await answer(writer)
            else:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def answer(writer):
    writer.write(HEAD)
    for number in range(8):
        await asyncio.sleep(0.02)
        writer.write(chunk({"choices": [{"index": 0, "delta": {"content": f"word{number} "}}]}))
    writer.write(chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    writer.write(chunk({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 8}}))
    writer.write(chunk("[DONE]") + b"0\r\n\r\n")


async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])):
        await asyncio.sleep(3600)


asyncio.run(main())
