"""What the machine gives: threads by affinity, cores and quota, and what its processor can do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cladenet import control_groups, memory, processor, threads
from cladenet.cli import main
from cladenet.errors import BadArgument
from cladenet.threads import Share, our_share, prepare_threads
from processors import AVX2

V2 = "31 23 0:26 {root} {place} rw - cgroup2 cgroup2 rw"
V1 = "34 32 0:29 {root} {place} rw - cgroup cgroup rw,cpu,cpuacct"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four cores of two threads each, all of them ours, and no control group."""
    for cpu in range(8):
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{cpu % 4},{cpu % 4 + 4}\n")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(control_groups, "PROC", tmp_path)
    monkeypatch.setattr(threads, "CPUS", tmp_path)
    return tmp_path


def grouped(machine: Path, mount: str, root: str, group: str) -> Path:
    """Where a control group is mounted, and the process in one of its groups."""
    place = machine / "cgroup_here"
    (machine / "mountinfo").write_text(
        f"20 1 0:19 / /proc rw,relatime - proc proc rw\n{mount.format(root=root, place=place)}\n"
    )
    (machine / "cgroup").write_text(group)
    return place


def written(folder: Path, **values: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name.replace("__", ".")).write_text(value)


def test_two_threads_of_one_core_are_one_for_arithmetic(machine: Path) -> None:
    assert our_share() == Share(8, 8, 4, "")


def test_processors_that_are_anothers_do_not_count(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 6})
    assert our_share() == Share(8, 3, 2, "affinity")


@pytest.mark.parametrize(
    ("quota", "cores"), [("150000", 2), ("140000", 1), ("30000", 1), ("600000", 4), ("max", 4)]
)
def test_a_quota_is_a_number_of_processors(machine: Path, quota: str, cores: int) -> None:
    """Of a container's own group, which it sees as the root."""
    place = grouped(machine, V2, "/", "0::/\n")
    written(place, cpu__max=f"{quota} 100000\n")
    assert our_share().cores == cores
    assert our_share().limit == ("" if quota == "max" else "quota")


def test_the_tightest_of_the_groups_around_a_process_counts(machine: Path) -> None:
    place = grouped(machine, V2, "/", "0::/user.slice/job\n")
    written(place / "user.slice", cpu__max="200000 100000\n")
    written(place / "user.slice" / "job", cpu__max="max 100000\n")
    assert our_share() == Share(8, 2, 2, "quota")


@pytest.mark.parametrize("root", ["/", "/docker/4f", "/other"])
def test_quotas_of_the_first_version(machine: Path, root: str) -> None:
    place = grouped(machine, V1, root, "5:memory:/\n4:cpu,cpuacct:/docker/4f\n")
    inside = place / "docker/4f" if root == "/" else place
    written(inside, cpu__cfs_quota_us="300000\n", cpu__cfs_period_us="100000\n")
    assert our_share() == Share(8, 3, 3, "quota")
    written(inside, cpu__cfs_quota_us="-1\n")
    assert our_share() == Share(8, 8, 4, "")


@pytest.mark.parametrize("version", [1, 2])
def test_memory_is_what_the_tightest_group_leaves(
    machine: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that were read do not count as taken: they can be let go."""
    (machine / "meminfo").write_text("MemTotal: 64000 kB\nMemAvailable: 32000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", machine / "meminfo")
    assert memory.available_memory() == 32000 * 1024
    v1 = V1.replace("cpu,cpuacct", "memory")
    place = grouped(machine, V2 if version == 2 else v1, "/", "0::/\n4:memory:/\n")
    names = ("memory.max", "memory.current")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    place.mkdir()
    (place / "memory.stat").write_text("anon 600\ninactive_file 300\n")
    for limit, left in (("1000", 400), ("max", 32000 * 1024), ("100", 0)):
        for name, value in zip(names, (limit, "900"), strict=True):
            (place / name).write_text(value)
        assert memory.available_memory() == left


def test_libraries_hear_of_our_share_before_they_are_loaded(machine: Path) -> None:
    variables: dict[str, str] = {}
    prepare_threads(variables)
    assert variables == {"OMP_NUM_THREADS": "4", "GOMP_SPINCOUNT": threads.SPINS}


@pytest.mark.parametrize(
    "own", [{"OMP_NUM_THREADS": "7", "OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "infinity"}]
)
def test_what_a_user_has_set_stays(machine: Path, own: dict[str, str]) -> None:
    variables = dict(own)
    prepare_threads(variables)
    assert variables.items() >= own.items()
    assert ("GOMP_SPINCOUNT" in variables) == ("GOMP_SPINCOUNT" in own)


def test_the_command_line_tells_them_and_torch_takes_it() -> None:
    """In a process that may use one processor; torch is imported by the command."""
    code = (
        "import os, sys; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from cladenet.cli import main; main(['env', '--json'])"
    )
    clean = {k: v for k, v in os.environ.items() if k not in (*threads.COUNTING, *threads.WAITING)}
    done = subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, check=True, env=clean
    )
    facts = json.loads(done.stdout)
    assert (facts["threads"], facts["our_cores"]) == (1, 1)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}, ("AVX2", False, False)),
        ({"ONEDNN_MAX_CPU_ISA": "SSE41"}, (None, False, False)),
    ],
)
def test_what_torch_is_kept_from_is_not_there(
    variables: dict[str, str], expected: tuple[str | None, bool, bool]
) -> None:
    """On any processor: the variables only take away. AMX is beyond both."""
    code = "from cladenet import processor; import json; print(json.dumps(processor.abilities()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        text=True,
        capture_output=True,
        check=True,
        env={**os.environ, **variables},
    )
    _, vectors, bf16, vnni, amx = json.loads(done.stdout)
    assert (expected[0] or vectors, bf16, vnni) == (vectors, *expected[1:])
    assert not amx


def test_a_question_that_torch_does_not_know_is_answered_no() -> None:
    assert not processor._answer(json, "_is_mkldnn_bf16_supported")


def test_bf16_is_refused_in_two_lines_that_say_why_and_what_to_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processor, "abilities", lambda: AVX2)
    processor.refuse_bf16("cuda", "")
    with pytest.raises(BadArgument) as found:
        processor.refuse_bf16("cpu", "use fp32 or int8")
    first, second = str(found.value).split("\n")
    assert "AMD Ryzen 7 5800H (AVX2) has no instructions for it" in first
    assert second == "use fp32 or int8"
    monkeypatch.setattr(processor, "abilities", lambda: AVX2._replace(bf16=True))
    processor.refuse_bf16("cpu", "")


def test_the_machine_is_printed_for_people_and_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processor, "abilities", lambda: AVX2)
    assert main(["env"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (lines["processor"], lines["vectors"], lines["bf16"]) == (AVX2.name, "AVX2", "no")
    assert main(["env", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["processor"], facts["vnni"]) == (AVX2.name, False)
