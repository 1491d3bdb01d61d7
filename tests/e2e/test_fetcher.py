"""What tasks name by URI comes into their sandboxes, from every kind of source; what is hostile does not."""
import hashlib
import io
import json
import lzma
import os
import pathlib
import subprocess
import tarfile
import threading
import zipfile
import zlib

import pytest

from harness import file_servers
from harness.cluster import Cluster, request, sandbox_file
from harness.scheduler import Scheduler
from harness.wait import wait_for


@pytest.fixture(scope="module")
def shared_cluster():
    # Without a hadoop client, whatever this machine has: hdfs is fetched by WebHDFS.
    with Cluster(agent_flags={"hadoop_home": "/nonexistent", "fetcher_cache_size": "1MB"}) as running:
        yield running


def metric(cluster, name):
    return json.loads(request(cluster.agents[0].port, "GET", "/metrics/snapshot")[2])["containerizer/fetcher/" + name]


def uri(value, **fields):
    return {"value": value, **fields}


def command(text, *uris, environment=None, **fields):
    variables = [{"name": name, "value": value} for name, value in (environment or {}).items()]
    return {"value": text, "uris": list(uris), "environment": {"variables": variables}, **fields}


def output(scheduler, cluster, name, what):
    """Runs the task to its end; what it wrote."""
    scheduler.run(name, what)
    scheduler.wait_state(name, "TASK_FINISHED")
    return sandbox_file(cluster, cluster.agents[0], name)


def failure(scheduler, name, what):
    scheduler.run(name, what)
    last = scheduler.wait_state(name, "TASK_FAILED")
    assert last["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    assert "Failed to fetch all URIs for container" in last["message"]
    return last["message"]


def tar(entries, mode="w:gz"):
    """(name, bytes or TarInfo fields) -> an archive's bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, dict):
                for field, value in content.items():
                    setattr(info, field, value)
                archive.addfile(info)
            else:
                info.size, info.mode = len(content), 0o755
                archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def test_s3_with_signatures(scheduler, shared_cluster, tmp_path):
    objects = {"dir/a b.txt": b"from the bucket", "tool.tar.xz": tar([("bin/tool", b"#!/bin/sh\necho tool runs\n")], "w:xz")}
    with file_servers.S3(tmp_path, objects) as s3:
        task = command("cat 'a b.txt'; bin/tool", uri("s3://bucket/dir/a b.txt"), uri("s3://bucket/tool.tar.xz"),
                       environment=s3.environment)
        assert output(scheduler, shared_cluster, "s3", task) == "from the buckettool runs\n"

        wrong = {**s3.environment, "AWS_SECRET_ACCESS_KEY": "guessed-secret"}
        message = failure(scheduler, "s3-wrong", command("true", uri("s3://bucket/dir/a b.txt"), environment=wrong))
        assert "SignatureDoesNotMatch" in message
        assert "guessed-secret" not in message
        message = failure(scheduler, "s3-missing", command("true", uri("s3://bucket/none"), environment=s3.environment))
        assert "NoSuchKey" in message


def test_webhdfs_goes_to_the_datanode(scheduler, shared_cluster):
    with file_servers.webhdfs({"/data/in.txt": b"blocks"}) as namenode:
        host = f"127.0.0.1:{namenode.port}"
        task = command("cat one two", uri(f"hdfs://{host}/data/in.txt", output_file="one"),
                       uri(f"webhdfs://{host}/data/in.txt", output_file="two"), user="nobody")
        assert output(scheduler, shared_cluster, "hdfs", task) == "blocksblocks"
        assert all("user.name=nobody" in path for path, _ in namenode.requests)
        assert len(namenode.datanode.requests) == 2
        message = failure(scheduler, "hdfs-missing", command("true", uri(f"hdfs://{host}/none")))
        assert "File does not exist" in message


def test_ftp(scheduler, shared_cluster, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x.txt").write_bytes(b"by ftp")
    with file_servers.ftp(tmp_path, "ann", "pass-word") as port:
        task = command("cat x.txt", uri(f"ftp://ann:pass-word@127.0.0.1:{port}/d/x.txt"))
        assert output(scheduler, shared_cluster, "ftp", task) == "by ftp"
        message = failure(scheduler, "ftp-missing", command("true", uri(f"ftp://ann:pass-word@127.0.0.1:{port}/none")))
        assert "no such file" in message
        assert "pass-word" not in message
    assert "pass-word" not in shared_cluster.agents[0].log_text()


def test_archives(scheduler, shared_cluster):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        info = zipfile.ZipInfo("zipped/run")
        info.create_system, info.external_attr = 3, 0o100755 << 16
        archive.writestr(info, "#!/bin/sh\necho from a zip\n")
    files = {"/a.zip": packed.getvalue(), "/one.gz": zlib.compress(b"unzipped", wbits=31)}
    files |= {f"/b.tar.{kind}": tar([(f"{kind}/file", kind.encode())], "w:" + kind) for kind in ("gz", "bz2", "xz")}
    with file_servers.FileServer(files) as server:
        task = command("zipped/run; cat gz/file bz2/file xz/file one kept/b.tar.gz | tail -c 100 | wc -c; stat -c %U zipped/run",
                       *[uri(server.url(path)) for path in files], user="nobody")
        task["uris"].append(uri(server.url("/b.tar.gz"), output_file="kept/b.tar.gz", extract=False))
        assert output(scheduler, shared_cluster, "archives", task) == "from a zip\n100\nnobody\n"


def test_https_from_those_who_are_trusted(scheduler, shared_cluster, tmp_path, monkeypatch):
    """An archive packed by zstd over HTTPS: for an agent that knows the authority, and for one that does not."""
    certificate, key = tmp_path / "ca.crt", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=files", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    packed = subprocess.run(["zstd", "-q", "-c"], input=tar([("tool", b"#!/bin/sh\necho by https\n")], "w"), capture_output=True,
                            check=True).stdout
    with file_servers.FileServer({"/a.tar.zst": packed}) as server:
        server.speak_tls(certificate, key)
        task = command("./tool", uri(server.url("/a.tar.zst").replace("http:", "https:")))
        assert "certificate" in failure(scheduler, "stranger", task).lower()
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with Cluster() as cluster:
            framework = Scheduler(cluster.port)
            try:
                assert output(framework, cluster, "trusted", task) == "by https\n"
            finally:
                framework.teardown()
                framework.close()


def test_cache_asks_once_and_is_emptied_with_the_agent():
    body = os.urandom(100_000)
    with file_servers.FileServer({"/x": body, "/other": b"y" * 950_000}) as server, \
            Cluster(agent_flags={"fetcher_cache_size": "1MB"}) as cluster:
        digest = hashlib.sha256(body).hexdigest()

        framework = Scheduler(cluster.port)
        agent = cluster.agents[0]
        cache = pathlib.Path(agent.work_dir) / "fetch"
        fetched = uri(server.url("/x"), cache=True)
        try:
            for name in ("first", "second"):
                assert digest in output(framework, cluster, name, command("sha256sum x", fetched))
            gets = [headers.get("If-None-Match") for _, headers in server.requests]
            assert gets[0] is None and gets[1] is not None and len(gets) == 2
            assert metric(cluster, "cache_size_total_bytes") == 1 << 20
            assert metric(cluster, "cache_size_used_bytes") == len(body)
            assert (metric(cluster, "cache_hits"), metric(cluster, "cache_misses")) == (1, 1)
            assert metric(cluster, "bytes_fetched") == len(body)

            # A file on disk that is not what was kept is fetched anew.
            kept = next(path for path in cache.iterdir() if path.name.startswith("c-"))
            kept.write_bytes(b"rotten")
            assert digest in output(framework, cluster, "healed", command("sha256sum x", fetched))
            # A larger one drives it out.
            output(framework, cluster, "large", command("true", uri(server.url("/other"), cache=True)))
            assert metric(cluster, "cache_size_used_bytes") == 950_000

            agent.kill9()
            agent.start()
            wait_for(lambda: len(cluster.active_agents()) == 1 and not any(p.name.startswith("c-") for p in cache.iterdir()),
                     "the restarted agent with an empty cache")
            assert digest in output(framework, cluster, "after", command("sha256sum x", fetched))
        finally:
            framework.teardown()
            framework.close()


def test_concurrent_tasks_share_one_download(scheduler, shared_cluster):
    gate = threading.Event()

    def wait(handler):
        gate.wait(30)
        handler.answer(200, b"shared")
        return True

    with file_servers.FileServer(rule=wait) as server:
        hits = metric(shared_cluster, "cache_hits")
        names = [f"share-{i}" for i in range(4)]
        offer = scheduler.wait_offer()
        shared = command("cat x", uri(server.url("/x"), cache=True))
        scheduler.accept(offer, [scheduler.task(offer, name, shared) for name in names])
        wait_for(lambda: metric(shared_cluster, "downloads_active") == 4, "all four to wait")
        gate.set()
        for name in names:
            scheduler.wait_state(name, "TASK_FINISHED")
        assert len(server.requests) == 1
        assert metric(shared_cluster, "cache_hits") == hits + 3


def test_retries_and_checksums(scheduler, shared_cluster):
    refusals = iter([503, 429])

    def busy(handler):
        status = next(refusals, None)
        if status:
            handler.answer(status, b"later", {"Retry-After": "0"})
        return status is not None

    with file_servers.FileServer({"/x": b"abc", "/x?token=hidden": b"abc"}, rule=busy) as server:
        right = hashlib.sha512(b"abc").hexdigest()
        assert output(scheduler, shared_cluster, "retried", command("cat x", uri(server.url("/x#sha512=" + right)))) == "abc"
        assert len(server.requests) == 3
        message = failure(scheduler, "forged", command("true", uri(server.url("/x?token=hidden#sha256=" + "0" * 64))))
        assert hashlib.sha256(b"abc").hexdigest() in message and "0" * 64 in message
        assert "hidden" not in message


def bomb():
    """10 GB of zeros in a tar of 1.6 MB; streams of xz may follow each other, so one of 64 MB is repeated."""
    info = tarfile.TarInfo("big")
    info.size = 10 << 30
    return lzma.compress(info.tobuf()) + lzma.compress(bytes(64 << 20), preset=0) * 160


def test_hostile_archives_leave_nothing_outside(scheduler, shared_cluster, tmp_path):
    victim, outside = tmp_path / "victim", tmp_path / "outside"
    victim.write_text("precious")
    outside.mkdir()
    link = {"type": tarfile.SYMTYPE, "linkname": str(outside)}
    hostile = {
        "traversal": [("../../victim", b"evil")],
        "absolute": [(str(victim), b"evil")],
        "through-link": [("l", link), ("l/x", b"evil")],
        "hard-link": [("h", {"type": tarfile.LNKTYPE, "linkname": str(victim)}), ("h", b"evil")],
        "device": [("d", {"type": tarfile.BLKTYPE, "devmajor": 8, "devminor": 0})],
    }
    files = {f"/{name}.tar.gz": tar(entries) for name, entries in hostile.items()} | {"/bomb.tar.xz": bomb()}
    with file_servers.FileServer(files) as server:
        offer = scheduler.wait_offer()
        names = [*hostile, "bomb"]
        scheduler.accept(offer, [scheduler.task(offer, name, command("true", uri(server.url(path)))) for name, path in zip(names, files)])
        messages = {name: scheduler.wait_state(name, "TASK_FAILED")["message"] for name in names}
    assert victim.read_text() == "precious"
    assert list(outside.iterdir()) == []
    assert "more than 100 times" in messages["bomb"]
    assert "devices" in messages["device"]
    written = sum(path.stat().st_size for path in shared_cluster.agents[0].work_dir.rglob("big"))
    assert written <= 256 << 20


def test_security_rules(scheduler, shared_cluster):
    message = failure(scheduler, "shadow", command("true", uri("file:///etc/shadow"), user="nobody"))
    assert "Permission denied" in message
    message = failure(scheduler, "out", command("true", uri("/etc/hostname", output_file="../out")))
    assert "'..'" in message

    def send_away(handler):
        handler.answer(302, b"", {"Location": {"/file": "file:///etc/passwd",
                                               "/meta": "http://169.254.169.254/latest"}[handler.path]})
        return True

    with file_servers.FileServer(rule=send_away) as server:
        failure(scheduler, "to-file", command("true", uri(server.url("/file"))))
        assert "link-local" in failure(scheduler, "to-meta", command("true", uri(server.url("/meta"))))
