"""A TCP relay on this machine, for links that can be cut and restored without being root."""
import asyncio
import socket
import struct
import threading

OPEN, CUT, SILENT = "open", "cut", "silent"
_loop = None


def _run(coroutine):
    """All relays share one thread."""
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, daemon=True).start()
    return asyncio.run_coroutine_threadsafe(coroutine, _loop).result(20)


def _reset(writer):
    """As a router does that has lost the connection: the peer gets RST."""
    try:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    writer.transport.abort()


class Relay:
    """Carries what comes to `port` to `to_port`. cut(): connections are reset, and new ones as well. silence(): they
    stay, and nothing is carried any more. restore(): new ones are carried again. `up` and `down` count the bytes carried
    to `to_port` and from it."""

    def __init__(self, port, to_port):
        self.port, self.to_port, self.state = port, to_port, OPEN
        self.writers, self.up, self.down = set(), 0, 0
        _run(self._listen())

    async def _listen(self):
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _pump(self, reader, writer, direction):
        try:
            while data := await reader.read(65536):
                if self.state == OPEN:  # else it is lost, and the connection with it
                    setattr(self, direction, getattr(self, direction) + len(data))
                    writer.write(data)
                    await writer.drain()
            if self.state == OPEN:
                writer.write_eof()
        except OSError:
            _reset(writer)

    async def _accept(self, reader, writer):
        mine = {writer}
        self.writers.add(writer)
        try:
            if self.state == CUT:
                return
            if self.state == SILENT:
                await reader.read()
                return
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
            mine.add(there_writer)
            self.writers.add(there_writer)
            await asyncio.gather(self._pump(reader, there_writer, "up"), self._pump(there_reader, writer, "down"))
        except OSError:
            pass
        finally:
            self.writers -= mine
            for one in mine:
                _reset(one)

    async def _set(self, state):
        lost = self.state == SILENT or state == CUT
        self.state = state
        for writer in list(self.writers) if lost else ():
            _reset(writer)

    def cut(self):
        _run(self._set(CUT))

    def silence(self):
        _run(self._set(SILENT))

    def restore(self):
        _run(self._set(OPEN))

    async def _close(self):
        self.server.close()
        await self._set(CUT)

    def close(self):
        _run(self._close())
