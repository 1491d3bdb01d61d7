"""RecordIO streams of an agent's operator API: what a container writes, and what is written to it."""
import base64
import http.client
import json
import queue
import socket
import threading

from harness.wait import DeadlineExceeded


class Stream:
    """The answer to a call that streams ProcessIO records in JSON. Records are read by a thread of its own."""

    def __init__(self, port, call):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connection.request("POST", "/api/v1", json.dumps(call), {
            "Content-Type": "application/json", "Accept": "application/recordio", "Message-Accept": "application/json"})
        self.socket = self.connection.sock
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.headers = {name.lower(): value for name, value in self.answer.getheaders()}
        self.records, self._arrived = [], queue.Queue()
        self.error = None if self.status == 200 else self.answer.read()
        if self.status == 200:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while length := self.answer.readline():
                self._arrived.put(json.loads(self.answer.read(int(length))))
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass
        self._arrived.put("END")

    def next(self, seconds=30):
        try:
            record = self._arrived.get(timeout=seconds)
        except queue.Empty:
            raise DeadlineExceeded(f"no record came; so far {self.records}") from None
        self.records.append(record)
        return record

    def text(self, kind="STDOUT"):
        return b"".join(base64.b64decode(r["data"]["data"]) for r in self.records
                        if r != "END" and r["type"] == "DATA" and r["data"]["type"] == kind).decode()

    def until(self, wanted, kind="STDOUT"):
        while wanted not in self.text(kind):
            assert self.next() != "END", f"it ended after {self.text(kind)!r}, without {wanted!r}"
        return self.text(kind)

    def all(self):
        while not self.records or self.records[-1] != "END":
            self.next()
        return self.text()

    def cut(self):
        """Breaks the connection as a crash of the client does."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Upload:
    """ATTACH_CONTAINER_INPUT: a request whose body goes on."""

    def __init__(self, port, container_id):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.sendall(b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/recordio\r\n"
                            b"Message-Content-Type: application/json\r\nAccept: application/json\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n")
        self.record({"type": "CONTAINER_ID", "container_id": container_id})

    def record(self, body):
        text = json.dumps({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": body}).encode()
        framed = b"%d\n%s" % (len(text), text)
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(framed), framed))

    def process_io(self, io):
        self.record({"type": "PROCESS_IO", "process_io": io})

    def type(self, text):
        self.process_io({"type": "DATA", "data": {"type": "STDIN", "data": base64.b64encode(text.encode()).decode()}})

    def resize(self, rows, columns):
        self.process_io({"type": "CONTROL", "control": {"type": "TTY_INFO", "tty_info": {
            "window_size": {"rows": rows, "columns": columns}}}})

    def finish(self):
        """Ends the body; the answer's status."""
        self.socket.sendall(b"0\r\n\r\n")
        return self.status()

    def status(self):
        answer = http.client.HTTPResponse(self.socket)
        answer.begin()
        answer.read()
        self.socket.close()
        return answer.status
