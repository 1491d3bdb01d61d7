"""A Docker Engine of the test's own: its data, its socket, its bridge; and an image made from a static busybox."""
import contextlib
import http.client
import io
import json
import os
import pathlib
import shlex
import shutil
import signal as signals
import socket
import subprocess
import tarfile
import tempfile

from harness.wait import DeadlineExceeded, wait_for

BUSYBOX = shutil.which("busybox")
IMAGE = "tepui-test/busybox:latest"
BRIDGE = "tepui-dock0"
BRIDGE_ADDRESS = "10.213.77.1/24"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def _can_bridge():
    """Whether this machine lets us make a bridge and write NAT rules."""
    if os.geteuid() != 0 or not shutil.which("iptables") or not shutil.which("ip"):
        return False
    return subprocess.run(["iptables", "-t", "nat", "-L", "-n"], capture_output=True, check=False).returncode == 0


def image_tar():
    """A root filesystem as a tar: busybox under the names of its programs, and directories."""
    names = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with io.BytesIO() as out:
        with tarfile.open(fileobj=out, mode="w") as tar:
            for folder in ("bin", "etc", "tmp", "root", "mnt"):
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
                tar.addfile(entry)
            data = pathlib.Path(BUSYBOX).read_bytes()
            entry = tarfile.TarInfo("bin/busybox")
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
            for name in names:
                if name != "busybox":
                    entry = tarfile.TarInfo(f"bin/{name}")
                    entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                    tar.addfile(entry)
            passwd = b"root:x:0:0:root:/root:/bin/sh\n"
            entry = tarfile.TarInfo("etc/passwd")
            entry.size = len(passwd)
            tar.addfile(entry, io.BytesIO(passwd))
        return out.getvalue()


class Dockerd:
    """Use as a context manager: at its end no process, mount, bridge or rule of it is left."""

    def __init__(self, live_restore=True):
        assert shutil.which("dockerd"), "dockerd is not installed (Debian: docker.io)"
        assert BUSYBOX, "busybox is not installed (Debian: busybox-static)"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tepui-dockerd-"))
        self.socket = self.folder / "docker.sock"
        self.live_restore = live_restore
        self.bridge = _can_bridge()
        self.child = self.containerd = None
        self.forward_before = subprocess.run(["iptables-save", "-t", "filter"], capture_output=True, text=True,
                                             check=False).stdout if self.bridge else ""
        if self.bridge:
            self._ip("link", "del", BRIDGE, check=False)
            self._ip("link", "add", BRIDGE, "type", "bridge")
            self._ip("addr", "add", BRIDGE_ADDRESS, "dev", BRIDGE)
            self._ip("link", "set", BRIDGE, "up")
        try:
            self._start_containerd()
            self.start()
            self.import_image()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _ip(*arguments, check=True):
        subprocess.run(["ip", *arguments], capture_output=True, check=check)

    def _start_containerd(self):
        """Of its own, as on a machine with systemd: containers outlive a dockerd that is killed."""
        config = self.folder / "containerd.toml"
        config.write_text(f"""version = 2
root = "{self.folder}/containerd/root"
state = "{self.folder}/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{self.folder}/containerd.sock"
""")
        with open(self.folder / "containerd.log", "ab") as log:
            self.containerd = subprocess.Popen(["containerd", f"--config={config}"], stdout=log, stderr=log,
                                               stdin=subprocess.DEVNULL)

        def listens():
            assert self.containerd.poll() is None, (self.folder / "containerd.log").read_text()[-2000:]
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(f"{self.folder}/containerd.sock")
                return True
            return False
        wait_for(listens, "containerd's socket", 40)

    def start(self):
        arguments = ["dockerd", f"--containerd={self.folder}/containerd.sock", f"--data-root={self.folder}/data",
                     f"--exec-root={self.folder}/exec", f"--host=unix://{self.socket}", f"--pidfile={self.folder}/pid", "--storage-driver=overlay2",
                     f"--live-restore={str(self.live_restore).lower()}", "--shutdown-timeout=3", f"--cgroup-parent=/{self.folder.name}"]
        arguments += [f"--bridge={BRIDGE}", "--userland-proxy=true"] if self.bridge else ["--bridge=none", "--iptables=false"]
        with open(self.folder / "log", "ab") as log:
            self.child = subprocess.Popen(arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for(self.answers, "the Docker Engine to answer", 40)

    def answers(self):
        assert self.child.poll() is None, "dockerd ended:\n" + (self.folder / "log").read_text()[-3000:]
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.call("GET", "/_ping", timeout=5)[0] == 200
        return False

    def call(self, method, path, body=None, kind="application/json", timeout=30):
        """One exchange with the Engine's API; (status, decoded answer or its bytes)."""
        connection = _Connection(str(self.socket), timeout)
        with contextlib.closing(connection):
            data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(method, path, body=data, headers={"Content-Type": kind})
            answer = connection.getresponse()
            text = answer.read()
            with contextlib.suppress(ValueError):
                return answer.status, json.loads(text)
            return answer.status, text

    def import_image(self):
        name, tag = IMAGE.split(":")
        status, answer = self.call("POST", f"/images/create?fromSrc=-&repo={name}&tag={tag}", image_tar(), "application/x-tar")
        assert status == 200, answer

    def containers(self):
        """All of them, ended ones too."""
        return self.call("GET", "/containers/json?all=1")[1]

    def signal(self, number):
        self.child.send_signal(number)

    def kill9(self):
        self.child.kill()
        self.child.wait(20)

    def stop(self):
        self.child.terminate()
        self.child.wait(30)

    def close(self):
        """Removes all containers and ends the Engine; what it started goes with it."""
        if self.child is not None:
            if self.child.poll() is None:
                self.child.send_signal(signals.SIGCONT)
                with contextlib.suppress(OSError, http.client.HTTPException):
                    for container in self.containers():
                        self.call("DELETE", f"/containers/{container['Id']}?force=1&v=1")
                self.child.terminate()
                try:
                    self.child.wait(20)
                except subprocess.TimeoutExpired:
                    self.kill9()
        if self.containerd is not None:
            self.containerd.terminate()
            try:
                self.containerd.wait(20)
            except subprocess.TimeoutExpired:
                self.containerd.kill()
                self.containerd.wait(20)
            self._end_leftovers()
        if self.bridge:
            self._ip("link", "del", BRIDGE, check=False)
            self._remove_rules()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_rules(self):
        """Docker's chains and what refers to them; rules of others stay, and those of another Docker."""
        another = ":DOCKER " in self.forward_before
        for table in ("nat", "filter"):
            saved = subprocess.run(["iptables-save", "-t", table], capture_output=True, text=True, check=False).stdout
            rules = [line for line in saved.splitlines()
                     if line.startswith("-A") and (BRIDGE in line or ("DOCKER" in line and not another))]
            chains = [line[1:].split()[0] for line in saved.splitlines() if line.startswith(":DOCKER") and not another]
            for rule in rules:
                subprocess.run(["iptables", "-t", table, "-D", *shlex.split(rule)[1:]], capture_output=True, check=False)
            for chain in chains:
                for action in ("-F", "-X"):
                    subprocess.run(["iptables", "-t", table, action, chain], capture_output=True, check=False)
            # Docker forbids all forwarding when it finds that it was off.
            if table == "filter" and ":FORWARD DROP" not in self.forward_before:
                subprocess.run(["iptables", "-P", "FORWARD", "ACCEPT"], capture_output=True, check=False)

    def _end_leftovers(self):
        """containerd and its shims, known by our folder in their arguments, and what ran in containers that a killed Engine forgot,
        known by their cgroups; then the cgroups, and what is mounted."""
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    ours = str(self.folder).encode() in (entry / "cmdline").read_bytes() or f":/{self.folder.name}/" in (
                        entry / "cgroup").read_text()
                    if ours and int(entry.name) != os.getpid():
                        os.kill(int(entry.name), signals.SIGKILL)
        for parent in pathlib.Path("/sys/fs/cgroup").glob(f"*/{self.folder.name}"):
            for folder in sorted([parent, *(each for each in parent.rglob("*") if each.is_dir())], reverse=True):
                with contextlib.suppress(DeadlineExceeded):
                    wait_for(lambda folder=folder: self._remove(folder), f"{folder} to be empty", 5)
        mounts = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(str(self.folder))), reverse=True):
            subprocess.run(["umount", "-l", mount], capture_output=True, check=False)

    @staticmethod
    def _remove(folder):
        with contextlib.suppress(OSError):
            folder.rmdir()
        return not folder.exists()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            print("--- dockerd\n" + (self.folder / "log").read_text()[-3000:])
        self.close()
