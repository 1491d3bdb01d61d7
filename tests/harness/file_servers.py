"""Servers that tasks' URIs point to: HTTP with whims, a WebHDFS imitation, FTP, and a real S3 (moto)."""
import contextlib
import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import urllib.parse

from harness.cluster import free_port
from harness.wait import wait_for


class FileServer:
    """Serves `files` (path -> bytes) with ETags and ranges; `rule(handler)` may answer first and return True.
    Every request is kept in `requests` as (path, headers)."""

    def __init__(self, files=None, rule=None):
        self.files, self.rule, self.requests = dict(files or {}), rule, []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner.requests.append((self.path, dict(self.headers)))
                if owner.rule and owner.rule(self):
                    return
                body = owner.files.get(self.path)
                if body is None:
                    return self.answer(404, b"no such file")
                etag = f'"{hash(body) & 0xffffffff:x}"'
                if self.headers.get("If-None-Match") == etag:
                    return self.answer(304, b"", {"ETag": etag})
                return self.answer(200, body, {"ETag": etag})

            def answer(self, status, body, headers=None):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def speak_tls(self, certificate, key):
        """From now on, HTTPS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextlib.contextmanager
def webhdfs(files):
    """What a namenode and a datanode say of a file: the first sends to the second. Yields the namenode's server.
    There is no Hadoop here: this holds the fetcher to the published protocol, not to Hadoop itself."""
    def read(handler):
        url = urllib.parse.urlparse(handler.path)
        body = files.get(urllib.parse.unquote(url.path.removeprefix("/webhdfs/v1")))
        if urllib.parse.parse_qs(url.query).get("op") != ["OPEN"] or body is None:
            handler.answer(404, json.dumps({"RemoteException": {
                "exception": "FileNotFoundException", "message": f"File does not exist: {url.path}"}}).encode())
            return None
        return body

    def from_datanode(handler):
        body = read(handler)
        if body is not None:
            handler.answer(200, body)
        return True

    with FileServer(rule=from_datanode) as datanode:
        def from_namenode(handler):
            if read(handler) is not None:
                handler.answer(307, b"", {"Location": datanode.url(handler.path + "&offset=0")})
            return True

        with FileServer(rule=from_namenode) as namenode:
            namenode.datanode = datanode
            yield namenode


@contextlib.contextmanager
def ftp(folder, user, password):
    """A real FTP server; yields its port."""
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

    authorizer = DummyAuthorizer()
    authorizer.add_user(user, password, str(folder), perm="elr")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    server = FTPServer(("127.0.0.1", 0), handler)
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            server.ioloop.loop(timeout=0.05, blocking=False)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.address[1]
    finally:
        stop.set()
        thread.join(10)
        server.close_all()


class S3:
    """moto as a server that checks signatures: `environment` is what a task needs to read `bucket`."""

    OPEN_ACTIONS = 4  # Of the setup below; everything after must be signed by the user that it makes.

    def __init__(self, folder, objects):
        import boto3  # Slow to import: only by those who need it.

        self.port = free_port()
        environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(self.OPEN_ACTIONS + len(objects))}
        self._log = open(pathlib.Path(folder) / "moto.log", "ab")
        self._child = subprocess.Popen(
            [pathlib.Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(self.port)],
            env=environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            wait_for(self._listens, "moto to listen")
            options = {"endpoint_url": self.endpoint, "region_name": "us-east-1", "aws_access_key_id": "setup",
                       "aws_secret_access_key": "setup"}
            iam, s3 = boto3.client("iam", **options), boto3.client("s3", **options)
            iam.create_user(UserName="reader")
            policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
            iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(policy))
            key = iam.create_access_key(UserName="reader")["AccessKey"]
            s3.create_bucket(Bucket="bucket")
            for name, body in objects.items():
                s3.put_object(Bucket="bucket", Key=name, Body=body)
        except BaseException:
            self.close()
            raise
        self.environment = {"AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": "us-east-1",
                            "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def _listens(self):
        assert self._child.poll() is None, "moto ended"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def close(self):
        self._child.terminate()
        self._child.wait(20)
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
