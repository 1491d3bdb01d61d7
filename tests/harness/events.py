"""A reader of the master's operator event stream."""
import http.client
import json
import queue
import threading

from harness.streams import shut_down


class EventReader:
    """Subscribes at once; every record is kept in `records`, in order. `query`: "sequence=1&kind=TASK_ADDED"."""

    def __init__(self, port, query=""):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._connection.request("POST", "/api/v1" + ("?" + query if query else ""), json.dumps({"type": "SUBSCRIBE"}),
                                 {"Content-Type": "application/json", "Accept": "application/json"})
        self._stream = self._connection.getresponse()
        assert self._stream.status == 200, self._stream.read()
        self._arrived = queue.Queue()
        self.records = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            while length := self._stream.readline():
                self._arrived.put(json.loads(self._stream.read(int(length))))
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass
        self._arrived.put(None)

    def next(self, heartbeats=False, seconds=30):
        """The next record; None at the stream's end."""
        while True:
            record = self._arrived.get(timeout=seconds)
            if record is not None:
                self.records.append(record)
            if record is None or heartbeats or record["type"] != "HEARTBEAT":
                return record

    def until(self, kind):
        """Reads on to the first record of that kind; those before it and it."""
        records = [self.next()]
        while records[-1]["type"] != kind:
            records.append(self.next())
            assert records[-1] is not None, f"the stream ended before {kind}"
        return records

    def close(self):
        shut_down(self._connection, self._stream)
        self._thread.join(10)
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
