"""Control groups of Linux: where the limits stand that a container or a job was given."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

PROC = Path("/proc/self")


def group_folders(controller: str) -> Iterator[Path]:
    """The folders of the groups that this process is in, each before those around it.

    Of version 2, and of version 1 where `controller`, "cpu" or "memory", is one of its; none where
    the system has no such thing.
    """
    try:
        groups = [line.split(":", 2) for line in (PROC / "cgroup").read_text().splitlines()]
        mounts = (PROC / "mountinfo").read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in mounts:
        before, _, after = line.partition(" - ")
        root, place = before.split()[3:5]
        kind, _, options = after.split(" ", 2)
        for number, controllers, path in groups:
            second = kind == "cgroup2" and number == "0" and not controllers
            first = kind == "cgroup" and controller in options.split(",")
            if second or (first and controller in controllers.split(",")):
                group = PurePosixPath(path)  # a container sees its own group as the root
                inside = group.relative_to(root if group.is_relative_to(root) else group)
                for folder in (inside, *inside.parents):
                    yield Path(place) / folder
