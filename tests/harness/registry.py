"""A real registry on loopback, and images made here: no image comes from anywhere else.

    with Registry(folder) as registry:
        registry.push("app:v1", Image([Layer().directory("bin").busybox("bin/busybox", links=["sh", "cat"])],
                                      config={"Env": ["A=b"], "Cmd": ["/bin/sh", "-c", "echo hello"]}))
        name = registry.name("app:v1")          # 127.0.0.1:PORT/app:v1
"""
import base64
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import urllib.request

try:
    from harness.wait import wait_for
except ImportError:  # Started as a program.
    from wait import wait_for

BUSYBOX = "/bin/busybox"  # Statically linked: Debian's busybox-static.
# What a shell script of a test needs.
APPLETS = ("sh", "cat", "echo", "env", "id", "ls", "mkdir", "mount", "printf", "ps", "pwd", "rm", "sleep", "stat", "test",
           "touch", "true", "false", "wget", "nc", "httpd", "ip", "hostname", "kill", "dd", "grep", "head", "tail", "seq",
           "chmod", "chown", "mknod", "ln", "cp", "mv", "tr", "wc", "df", "ulimit", "sync", "tty", "stty", "readlink")


class Layer:
    """One layer: a tar that is written in the order of the calls. Each call returns the layer."""

    def __init__(self):
        self._bytes = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._bytes, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, kind=tarfile.REGTYPE, data=b"", mode=None, uid=0, gid=0, link="", device=(0, 0), mtime=1, pax=None):
        info = tarfile.TarInfo(name)
        info.type = kind
        info.mode = mode if mode is not None else (0o755 if kind == tarfile.DIRTYPE else 0o644)
        info.uid, info.gid, info.mtime, info.linkname = uid, gid, mtime, link
        info.devmajor, info.devminor = device
        info.size = len(data)
        info.pax_headers = pax or {}
        self._tar.addfile(info, io.BytesIO(data))
        return self

    def file(self, name, data=b"", mode=0o644, **more):
        return self.add(name, data=data if isinstance(data, bytes) else data.encode(), mode=mode, **more)

    def directory(self, name, mode=0o755, **more):
        return self.add(name, tarfile.DIRTYPE, mode=mode, **more)

    def symlink(self, name, target):
        return self.add(name, tarfile.SYMTYPE, mode=0o777, link=target)

    def hardlink(self, name, target):
        return self.add(name, tarfile.LNKTYPE, link=target)

    def remove(self, name):
        """A whiteout: the layers beneath lose `name`."""
        folder, _, last = name.rpartition("/")
        return self.file((folder + "/" if folder else "") + ".wh." + last)

    def opaque(self, folder):
        """The directory hides what the layers beneath have in it."""
        return self.file(folder.rstrip("/") + "/.wh..wh..opq")

    def program(self, name, path, mode=0o755):
        return self.file(name, pathlib.Path(path).read_bytes(), mode)

    def busybox(self, name="bin/busybox", links=APPLETS):
        self.program(name, BUSYBOX)
        folder = name.rpartition("/")[0]
        for link in links:
            self.symlink((folder + "/" if folder else "") + link, name.rpartition("/")[2])
        return self

    def tar(self):
        self._tar.close()
        return self._bytes.getvalue()


def busybox_layer():
    """What most tests run: a shell and its tools, a few users and a /tmp."""
    layer = Layer()
    for folder in ("bin", "etc", "tmp", "root", "home", "home/app", "var", "proc", "sys", "dev"):
        layer.directory(folder, mode=0o1777 if folder == "tmp" else 0o755)
    layer.busybox()
    layer.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1234:1235:app:/home/app:/bin/sh\n")
    layer.file("etc/group", "root:x:0:\napp:x:1235:\nextra:x:1300:app\n")
    return layer


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Image:
    """Layers and a configuration. compress: gzip, zstd or None."""

    def __init__(self, layers, config=None, compress="gzip", architecture=None, variant=None):
        self.tars = [layer.tar() if isinstance(layer, Layer) else layer for layer in layers]
        self.compress = compress
        machine = os.uname().machine
        self.architecture = architecture or {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
        self.config = {"architecture": self.architecture, "os": "linux", "config": config or {},
                       "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in self.tars]}, "history": []}
        if variant:
            self.config["variant"] = variant

    def blobs(self):
        """[(media type's end, bytes)] of the layers."""
        pack = {"gzip": lambda tar: ("tar+gzip", gzip.compress(tar, 6, mtime=0)),
                "zstd": lambda tar: ("tar+zstd", subprocess.run(["zstd", "-q", "-c"], input=tar, capture_output=True,
                                                                check=True).stdout),
                None: lambda tar: ("tar", tar)}[self.compress]
        return [pack(tar) for tar in self.tars]

    def write_layout(self, folder):
        """An OCI image layout. Returns the manifest's digest."""
        folder = pathlib.Path(folder)
        blobs = folder / "blobs/sha256"
        blobs.mkdir(parents=True)

        def put(kind, data):
            (blobs / digest(data)[7:]).write_bytes(data)
            return {"mediaType": "application/vnd.oci.image." + kind, "digest": digest(data), "size": len(data)}

        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": put("config.v1+json", json.dumps(self.config).encode()),
                    "layers": [put("layer.v1." + kind, data) for kind, data in self.blobs()]}
        entry = put("manifest.v1+json", json.dumps(manifest).encode())
        entry["annotations"] = {"org.opencontainers.image.ref.name": "image"}
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        return entry["digest"]

    def write_docker_archive(self, path, name):
        """What `docker save` writes."""
        config = json.dumps(self.config).encode()
        with tarfile.open(path, "w") as archive:
            def put(file, data):
                info = tarfile.TarInfo(file)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            for number, tar in enumerate(self.tars):
                put(f"{number}/layer.tar", tar)
            put(digest(config)[7:] + ".json", config)
            put("manifest.json", json.dumps([{"Config": digest(config)[7:] + ".json", "RepoTags": [name],
                                              "Layers": [f"{number}/layer.tar" for number in range(len(self.tars))]}]).encode())
        return digest(config)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Registry:
    """docker-registry in a process of its own; `user` and `password` make it ask for them (Basic). With `tls` it speaks HTTPS
    with the certificate in `folder`/ca.crt, which nobody trusts who is not told to."""

    def __init__(self, folder, user=None, password=None, tls=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.user, self.password, self.tls = user, password, tls
        self.process = None
        self.port = free_port()
        self._count = 0

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def name(self, image):
        return f"{self.host}/{image}"

    def start(self):
        config = {"version": 0.1, "log": {"level": "warn"},
                  "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}, "delete": {"enabled": True}},
                  "http": {"addr": self.host}}
        if self.user:
            import crypt  # The registry takes bcrypt alone.
            hashed = crypt.crypt(self.password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << 4))
            (self.folder / "htpasswd").write_text(f"{self.user}:{hashed}\n")
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(self.folder / "htpasswd")}}
        if self.tls:
            certificate, key = self.folder / "ca.crt", self.folder / "key.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                            "-days", "2", "-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"],
                           check=True, capture_output=True)
            config["http"]["tls"] = {"certificate": str(certificate), "key": str(key)}
        (self.folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML.
        with open(self.folder / "registry.log", "ab") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", str(self.folder / "config.yml")], stdout=log,
                                            stderr=log)
        wait_for(self._listens, "the registry to listen")
        return self

    def _listens(self):
        assert self.process.poll() is None, (self.folder / "registry.log").read_text()
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def push(self, name, image, *more):
        """Pushes the image. Returns the digest of its manifest, which is known to the registry by it."""
        self._count += 1
        folder = self.folder / f"layout-{self._count}"
        made = image.write_layout(folder)
        login = ["--dest-creds", f"{self.user}:{self.password}"] if self.user else []
        subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "--preserve-digests", "--dest-tls-verify=false", *login, *more,
                        f"oci:{folder}:image", f"docker://{self.name(name)}"], check=True, timeout=120)
        shutil.rmtree(folder)
        return made

    def get(self, path):
        request = urllib.request.Request(f"http://{self.host}/v2/{path}",
                                         headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
        if self.user:
            token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            request.add_header("Authorization", "Basic " + token)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def put_manifest(self, repository, reference, document, media_type):
        """Any document as a manifest: an index for instance."""
        data = json.dumps(document).encode()
        request = urllib.request.Request(f"http://{self.host}/v2/{repository}/manifests/{reference}", data, method="PUT",
                                         headers={"Content-Type": media_type})
        if self.user:
            token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            request.add_header("Authorization", "Basic " + token)
        urllib.request.urlopen(request, timeout=10).close()
        return digest(data)


def main(folder, user=None, password=None):
    """For tests in C++: serves a few images until its stdin ends. Says where in one line of JSON. With "tls" in place of a
    user it serves one, over HTTPS."""
    if user == "tls":
        with Registry(folder, tls=True) as registry:
            app = registry.push("app:v1", Image([busybox_layer()]))
            print(json.dumps({"host": registry.host, "app": app}), flush=True)
            sys.stdin.read()
        return
    with Registry(folder, user, password) as registry:
        base = busybox_layer()
        top = Layer().directory("etc").remove("etc/group").directory("home").directory("home/new").opaque("home")
        top.file("etc/motd", "hello\n", uid=7, gid=8).file("bin/setuid", "x", mode=0o4755)
        layers = [base.tar(), top.tar()]
        config = {"User": "app", "WorkingDir": "/home", "Env": ["PATH=/bin", "A=b c"], "Entrypoint": ["/bin/sh"],
                  "Cmd": ["-c", "echo hello"], "Volumes": {"/data": {}}, "ExposedPorts": {"80/tcp": {}},
                  "StopSignal": "SIGINT", "Labels": {"k": "v"}}
        app = registry.push("app:v1", Image(layers, config))
        other = registry.push("app:other", Image(layers[:1], {"Cmd": ["/bin/true"]}))
        zstd = registry.push("zstd:v1", Image(layers, config, compress="zstd"))
        foreign = registry.push("app:foreign", Image(layers[:1], architecture="mips"))
        machine = Image([]).architecture
        kind = "application/vnd.oci.image."
        sizes = {d: len(registry.get(f"app/manifests/{d}")) for d in (app, foreign)}
        index = {"schemaVersion": 2, "mediaType": kind + "index.v1+json", "manifests": [
            {"mediaType": kind + "manifest.v1+json", "digest": d, "size": sizes[d],
             "platform": {"os": "linux", "architecture": architecture}}
            for d, architecture in ((foreign, "mips"), (app, machine))]}
        registry.put_manifest("app", "index", index, kind + "index.v1+json")
        Image(layers, config).write_docker_archive(pathlib.Path(folder) / "saved.tar", "saved:v1")
        layout = pathlib.Path(folder) / "layout"
        Image(layers, config).write_layout(layout)
        with tarfile.open(pathlib.Path(folder) / "layout.tar", "w") as archive:
            archive.add(layout, ".")
        print(json.dumps({"host": registry.host, "app": app, "other": other, "zstd": zstd}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
