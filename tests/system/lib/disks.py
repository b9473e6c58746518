"""Disks that can be broken: file systems in files on loop devices, mounted in a namespace of this process alone, so that
nothing stays mounted whatever becomes of the test. Needs root; `why_not` says what is missing."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from lib.broker import scratch

TOOLS = ("losetup", "mount", "unshare", "findmnt", "e2fsck", "mkfs.ext4", "mkfs.xfs", "xfs_io")
MAKE = {"ext4": ("mkfs.ext4", "-q", "-F"), "xfs": ("mkfs.xfs", "-q", "-f")}
IN_NAMESPACE = "GREGOR_TEST_MOUNTS"
OUTER_BYTES, INNER_BYTES = 3 << 30, 2 << 30  # of sparse files
UNMOUNT_LIMIT_S = 20


def run(*command) -> str:
    ran = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode != 0:
        raise OSError(f"{' '.join(map(str, command))} left with {ran.returncode}: {ran.stdout.strip()}")
    return ran.stdout


def why_not() -> str | None:
    """What this machine lacks; None if disks can be made and broken here."""
    if os.geteuid() != 0:
        return "only root may mount"
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"not installed: {', '.join(missing)}"
    known = {line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()}
    if missing := {"ext4", "xfs"} - known:
        return f"the kernel has no {', '.join(sorted(missing))}"
    try:
        run("losetup", "--find")
        run("unshare", "--mount", "true")
    except OSError as error:
        return str(error)
    return None


def enter_namespace() -> None:
    """Starts the script again where its mounts are its own."""
    if IN_NAMESPACE not in os.environ:
        os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv],
                   os.environ | {IN_NAMESPACE: "1"})


class Disk:
    """A file system in a sparse file, mounted at `folder`; `data` is where a broker's directory may be."""

    def __init__(self, image: Path, folder: Path, kind: str, size_bytes: int):
        self.image, self.folder, self.kind = image, folder, kind
        folder.mkdir(parents=True, exist_ok=True)
        with image.open("wb") as file:
            file.truncate(size_bytes)
        run(*MAKE[kind], image)
        self.mount()

    @property
    def data(self) -> Path:
        return self.folder / "data"  # not the root: lost+found is no partition

    def mount(self, *options: str) -> None:
        run("mount", "-o", ",".join(("loop", *options)), self.image, self.folder)

    def unmount(self) -> None:
        """A process that was killed may hold it for a moment still."""
        deadline = time.monotonic() + UNMOUNT_LIMIT_S
        while True:
            try:
                run("umount", self.folder)
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def shut_down(self) -> None:
        """From now on every call fails with EIO, and what was not flushed is never written."""
        run("xfs_io", "-x", "-c", "shutdown", self.folder)

    def repair(self) -> None:
        """What a file system asks for that has seen an error."""
        subprocess.run(["e2fsck", "-y", "-f", self.image], stdout=subprocess.DEVNULL, check=False)

    def device(self) -> str:
        """The loop device's name."""
        return Path(run("findmnt", "-n", "-o", "SOURCE", self.folder).strip()).name

    def remove(self) -> None:
        if os.path.ismount(self.folder):
            self.unmount()
        self.image.unlink(missing_ok=True)


class NestedDisk:
    """A disk with a volatile cache: the file of the `inner` file system lies on an `outer` one, whose page cache is what a
    power cut empties."""

    def __init__(self, folder: Path, kind: str):
        self.outer = Disk(folder / "outer.img", folder / "outer", "xfs", OUTER_BYTES)
        self.inner = Disk(self.outer.folder / "inner.img", folder / "inner", kind, INNER_BYTES)
        os.sync()

    @property
    def data(self) -> Path:
        return self.inner.data

    def power_cut(self) -> None:
        self.outer.shut_down()

    def power_on(self) -> None:
        """Once nobody uses the dead disk any more. Both file systems find their journals."""
        self.inner.unmount()
        self.outer.unmount()
        self.outer.mount()
        self.inner.mount()

    def remove(self) -> None:
        if os.path.ismount(self.inner.folder):
            self.inner.unmount()
        self.outer.remove()


@contextmanager
def nested(kind: str):
    """A nested disk alone, gone afterwards."""
    folder = scratch("disk")
    disk = NestedDisk(folder, kind)
    try:
        yield disk
    finally:
        disk.remove()
        shutil.rmtree(folder)
