"""The API of `cladenet serve`, without a network: answers, refusals, bounds, new weights."""

import base64
import hashlib
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("starlette")

import cladenet
from asgi import Client, client
from cladenet.checkpoints import folder as folders
from cladenet.checkpoints import load
from cladenet.checkpoints.selftest import fixed_logits
from cladenet.cli import main
from cladenet.data.dataset import DataSet
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, CheckpointError
from cladenet.serve.models.course import OneStage, Stage
from cladenet.serve.models.decoding import Decoded, decode
from cladenet.serve.models.lanes import Answer, Job
from cladenet.serve.models.opening import ServeOptions, named, opened
from cladenet.serve.models.served import Served
from cladenet.serve.settings import Address, Limits
from cladenet.serve.start import by_processes, serve
from cladenet.serve.web.app import Plan, application
from saved_run import noise, save_run

EVENTS: list[str] = []  # what an audit hook saw while `watched` lasted
WATCHED = [False]
TOKEN = "0123456789abcdef-token"  # noqa: S105


def hook(event: str, arguments: tuple[object, ...]) -> None:
    if WATCHED[0] and event in ("open", "socket.connect", "subprocess.Popen", "os.system",
                                "pickle.find_class", "exec", "compile"):  # fmt: skip
        EVENTS.append(f"{event} {arguments[:1]}")


def picture(seed: int, form: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(seed, 6, 7, 3)).resize((70, 60)).save(file, form)
    return file.getvalue()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    root = tmp_path_factory.mktemp("photos")
    for number in range(6):
        folder = root / "val" / ("ant", "bee", "wasp")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(picture(number))
    return open_dataset(str(root))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, data: DataSet) -> Path:
    return save_run(tmp_path_factory.mktemp("runs") / "bugs", data, fit="crop")


def make(name: str, path: Path) -> Served:
    return opened(name, path, ServeOptions())


BY = ("threads", "processes")


def served(run: Path, by: str = "threads", **changes: Any) -> Any:
    """A context with a client of a server of this run, which is ready."""
    plan = replace(Plan({"bugs": run}, make), **changes)
    return client(application(computed(by, plan)))


def computed(by: str, plan: Plan) -> Plan:
    """The plan, by threads or processes."""
    if by == "threads":
        return plan

    def there(name: str, at_first: bool) -> Any:
        torch.set_num_threads(1)  # others of this process would not be in a forked one
        return plan.make(name, plan.runs[name])

    return by_processes(plan, 2, there)


def ready(asker: Client) -> Client:
    limit = time.monotonic() + 20
    while asker.ask("GET", "/ready").status != 200:
        assert time.monotonic() < limit
        time.sleep(0.01)
    return asker


@pytest.fixture(scope="module", params=BY)
def asker(run: Path, request: pytest.FixtureRequest) -> Iterator[Client]:
    with served(run, request.param) as asker:
        yield ready(asker)


def form(*files: tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
    parts = [
        b'--limit\r\ncontent-disposition: form-data; name="images"; filename="'
        + name.encode() + b'"\r\n\r\n' + content + b"\r\n"
        for name, content in files
    ]  # fmt: skip
    return b"".join(parts) + b"--limit--\r\n", {
        "content-type": "multipart/form-data; boundary=limit"
    }


def in_json(*texts: str) -> tuple[bytes, dict[str, str]]:
    return json.dumps({"images": texts}).encode(), {"content-type": "application/json"}


def test_the_answer_is_that_of_predict(asker: Client, run: Path) -> None:
    expected = cladenet.predict(run, [picture(3)])[0]
    answer = asker.ask("POST", "/predict", picture(3))
    assert answer.status == 200
    found = answer.json()["predictions"][0]["top"]
    assert [guess["class"] for guess in found] == [guess.name for guess in expected.top]
    for guess, wanted in zip(found, expected.top, strict=True):
        assert guess["probability"] == pytest.approx(wanted.probability, abs=1e-6)
    manifest = json.loads((load(run).folder / "manifest.json").read_bytes())
    assert answer.json()["weights"] == manifest["files"]["weights.safetensors"]["sha256"]


def test_all_forms_of_a_request_have_the_same_answer(asker: Client) -> None:
    image = picture(4)
    tops = []
    body, headers = form(("a.jpg", image))
    text = base64.b64encode(image).decode()
    for content, kind in (
        (image, {"content-type": "image/jpeg"}),
        (image, {"content-type": "application/x-www-form-urlencoded"}),  # curl --data-binary
        ([image[:100], image[100:]], {}),
        (body, headers),
        in_json(text),
        in_json("data:image/jpeg;base64," + text),
    ):
        answer = asker.ask("POST", "/predict", content, kind)
        assert answer.status == 200, answer.body
        tops.append(answer.json()["predictions"][0]["top"])
    assert all(top == tops[0] for top in tops)


def test_several_images_come_back_in_their_order_and_a_bad_one_spoils_nothing(
    asker: Client,
) -> None:
    alone = [asker.ask("POST", "/predict", picture(n)).json()["predictions"][0] for n in range(7)]
    files = [(f"{n}.jpg", picture(n)) for n in range(7)]
    body, headers = form(*files[:3], ("line\tbreak.jpg", picture(3)[:90]), *files[3:])
    answer = asker.ask("POST", "/predict?model=bugs", body, headers)
    assert answer.status == 200
    found = answer.json()["predictions"]
    assert "\t" not in found[3]["file"]
    assert "damaged" in found[3]["error"] or "breaks off" in found[3]["error"]
    assert "top" not in found.pop(3)
    for one, wanted in zip(found, alone, strict=True):
        for guess, expected in zip(one["top"], wanted["top"], strict=True):
            assert guess["class"] == expected["class"]
            assert guess["probability"] == pytest.approx(expected["probability"], abs=1e-6)


def test_a_path_with_a_slash_too_many_is_refused_with_words(asker: Client) -> None:
    """A redirection would be an empty answer to a program that does not follow it."""
    answer = asker.ask("POST", "/predict/", picture(0))
    assert (answer.status, answer.json()["error"]) == (404, "there is no such path")


def test_the_way_out_is_named_to_those_who_send_a_file_by_curls_d(asker: Client) -> None:
    body, headers, _ = BAD["what curl -d leaves of a picture"]
    assert "--data-binary" in asker.ask("POST", "/predict", body, headers).json()["hint"]
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    assert "convert it to JPEG" in asker.ask("POST", "/predict", heic, headers).json()["error"]


def test_top_names_as_many_classes_as_are_asked_for(asker: Client) -> None:
    for count in (1, 2, 3):
        answer = asker.ask("POST", f"/predict?top={count}", picture(0))
        assert len(answer.json()["predictions"][0]["top"]) == count


BAD: dict[str, tuple[bytes, dict[str, str], int]] = {
    "nothing": (b"", {}, 400),
    "a pickle": (b"\x80\x04\x95\x1b\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93.", {}, 415),
    "a file of torch": (b"PK\3\4" + bytes(60), {}, 415),
    "an array": (b"\x93NUMPY\1\0" + bytes(60), {"content-type": "image/png"}, 415),
    "a page": (b"<!doctype html><html>", {"content-type": "text/html"}, 415),
    "a page that is called a picture": (b"<!doctype html><html>", {}, 415),
    "half a picture": (picture(1)[:200], {}, 422),
    "what curl -d leaves of a picture": (
        picture(1, "PNG").replace(b"\n", b"").replace(b"\r", b""),
        {"content-type": "application/x-www-form-urlencoded"}, 415,
    ),
    "a PNG of 900 megapixels": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x75\x30\0\0\x75\x30\x08\2\0\0\0\x9b\x1d\x9b\xe6",
        {}, 422,
    ),
    "no JSON": (b"{", {"content-type": "application/json"}, 400),
    "JSON of another kind": (b'{"image": "x"}', {"content-type": "application/json"}, 400),
    "deep JSON": (b"[" * 100_000, {"content-type": "application/json"}, 400),
    "an address": (*in_json("https://example.org/a.jpg"), 400),
    "a file's address": (*in_json("file:///etc/passwd"), 400),
    "no base64": (*in_json("%%%"), 400),
    "no images": (*in_json(), 400),
    "a form without a boundary": (b"x", {"content-type": "multipart/form-data"}, 400),
    "a form that is none": (b"x", {"content-type": "multipart/form-data; boundary=b"}, 400),
    "a form without files": (
        b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
        {"content-type": "multipart/form-data; boundary=b"}, 400,
    ),
    "too many images": (*form(*[(f"{n}", b"x") for n in range(65)]), 400),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_requests_are_refused_with_a_reason_and_a_hint(asker: Client, what: str) -> None:
    body, headers, status = BAD[what]
    answer = asker.ask("POST", "/predict", body, headers)
    assert answer.status == status, answer.body
    assert answer.json()["error"]
    assert answer.json()["hint"]


CHINESE = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}
SENTENCE = re.compile(r"(?:(?<![^\s（])[a-z]{2,} ){2}[a-z]{2,}(?![^\s，。；：）])")
# What Python's own decoders write is theirs.
OTHERS = re.compile("Expecting property name enclosed in double quotes|Only base64 data is allowed")


def speaks_chinese(text: str) -> bool:
    """Some of it is Chinese, and no three English words follow each other."""
    own = re.sub(r"`[^`]*`", "", OTHERS.sub("", text))
    return bool(re.search("[\u4e00-\u9fff]", own)) and not SENTENCE.search(own)


@pytest.mark.parametrize("what", BAD)
def test_a_refusal_is_in_the_language_that_the_request_asks_for(asker: Client, what: str) -> None:
    body, headers, status = BAD[what]
    answer = asker.ask("POST", "/predict", body, {**headers, **CHINESE})
    assert (answer.status, list(answer.json())) == (status, ["error", "hint"])
    assert answer.header("content-language") == "zh-Hans"
    assert all(speaks_chinese(text) for text in answer.json().values()), answer.json()
    english = asker.ask("POST", "/predict", body, headers)
    assert (english.header("content-language"), english.header("vary")) == ("en", "accept-language")
    assert not re.search("[\u4e00-\u9fff]", json.dumps(english.json(), ensure_ascii=False))


def test_refusals_beside_those_of_bodies_are_in_the_language_of_the_request(asker: Client) -> None:
    found = [
        asker.ask(method, target, b"" if method == "GET" else picture(0), {**CHINESE, **headers})
        for method, target, headers in (
            ("GET", "/nowhere", {}),
            ("GET", "/predict", {}),
            ("POST", "/models", {}),
            ("POST", "/predict?model=x", {}),
            ("POST", "/predict?top=0", {}),
            ("POST", "/predict?budget=20M", {}),
            ("POST", "/explain?class=moth", {}),
            ("POST", "/predict", {"origin": "https://example.org"}),
            ("GET", "/models", {"host": "example.org"}),
        )
    ]
    assert [answer.status for answer in found] == [404, 405, 405, 404, 400, 400, 400, 403, 421]
    for answer in found:
        assert all(speaks_chinese(text) for text in answer.json().values()), answer.json()


def test_the_reason_of_one_image_among_several_is_in_that_language(asker: Client) -> None:
    body, headers = form(("a.jpg", picture(0)), ("b.jpg", b"x"))
    answer = asker.ask("POST", "/predict", body, {**headers, **CHINESE}).json()["predictions"]
    assert answer[0]["top"][0]["class"] in ("ant", "bee", "wasp")
    assert answer[1] == {"file": "b.jpg", "error": "不是可识别的图像；开头是 b'x'"}
    body, headers = form(("a.jpg", b""), ("b.jpg", b"x"))
    answer = asker.ask("POST", "/predict", body, {**headers, **CHINESE}).json()
    assert answer["error"] == "2 张图像都无法读取"
    assert answer["predictions"][0]["error"] == "是空文件（0 字节）"


def test_the_page_is_in_the_language_of_the_request(asker: Client) -> None:
    """Before any script of its runs, and so are its words for what the script writes."""
    pages = {
        language: asker.ask("GET", "/", b"", headers)
        for language, headers in (("en", {}), ("zh-Hans", CHINESE))
    }
    shown = {}
    for language, answer in pages.items():
        assert answer.header("content-language") == language
        page = answer.body.decode()
        assert f'<html lang="{language}">' in page
        shown[language] = dict(re.findall(r'data-word="([\w-]+)"[^>]*>([^<]*)<', page))
    assert shown["en"]["choose"] == "Choose a picture"
    assert shown["zh-Hans"]["choose"] == "选择图片"
    assert shown["en"].keys() == shown["zh-Hans"].keys()
    assert all(re.search("[\u4e00-\u9fff]", text) for text in shown["zh-Hans"].values())
    assert '<button id="language" class="quiet" type="button" lang="en"' in page
    assert "const WORDS = {" in asker.ask("GET", "/words.js").body.decode()


def test_no_request_opens_a_file_or_an_address_or_unpickles(asker: Client, run: Path) -> None:
    sys.addaudithook(hook)
    asker.ask("POST", "/predict", picture(0))  # what is imported at the first request
    asker.ask("POST", "/predict", picture(0)[:99])
    paths = [
        *(f"/predict?model={name}" for name in (
            "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "file:///etc/passwd", "%00", "bugs%00",
            "http://127.0.0.1/", "/etc/passwd", "bugs/../bugs",
        )),
        "/../../etc/passwd", "/..%2f..%2fetc/passwd", "/static/../serve.js", "/%00", "//etc/passwd",
        "/page/../../settings.py", "/models/../../x",
    ]  # fmt: skip
    EVENTS.clear()
    WATCHED[0] = True
    try:
        refused = [asker.ask("POST", path, picture(0)).status for path in paths]
        refused += [asker.ask("GET", path).status for path in paths]
        for body, headers, _ in BAD.values():
            asker.ask("POST", "/predict", body, headers)
    finally:
        WATCHED[0] = False
    assert set(refused) <= {400, 404, 405}
    own = str(run)  # at which the server looks every 2 s
    assert [event for event in EVENTS if own not in event] == []


def test_a_body_that_declares_too_much_is_refused_before_it_is_read(run: Path) -> None:
    with served(run, limits=Limits(body_bytes=5_000)) as asker:
        ready(asker)
        taken = asker.taken
        answer = asker.ask("POST", "/predict", b"x", {"content-length": "200000000"})
        assert answer.status == 413
        assert asker.taken == taken
        parts = [bytes(1_000)] * 100
        answer = asker.ask("POST", "/predict", parts)
        assert answer.status == 413
        assert asker.taken - taken == 6_000
        assert asker.ask("POST", "/predict", picture(1)).status == 200


def test_a_body_that_comes_too_slowly_is_given_up(run: Path) -> None:
    limits = Limits(first_seconds=0.05, least_rate=1e6)
    with served(run, limits=limits) as asker:
        ready(asker)
        slow = asker.begin("POST", "/predict", [b"x"] * 100, pause=0.02).result(20)
        assert slow.status == 408
        assert slow.header("connection") == "close"
        image = picture(1)
        parts = [image[at : at + 500] for at in range(0, len(image), 500)]
        assert asker.begin("POST", "/predict", parts).result(20).status == 200


class Held:
    """A network whose answers wait until they may go."""

    def __init__(self, served: Served, may: Callable[[], bool]) -> None:
        self._served, self._may = served, may
        self.seen = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._served, name)

    def course(self, _: str) -> OneStage:
        return OneStage(Stage(self.preprocess, self.prepare, partial(Job, self)))

    def answer(self, images: Sequence[Any]) -> list[Answer]:
        self.seen += len(images)
        while not self._may():
            time.sleep(0.002)
        return self._served.answer(images)


def holding(run: Path, limits: Limits) -> tuple[Any, list[bool], list[Held]]:
    may, made = [False], []

    def make_held(name: str, path: Path) -> Any:
        made.append(Held(make(name, path), lambda: may[0]))
        return made[-1]

    return served(run, limits=limits, make=make_held), may, made


def test_more_than_the_queue_holds_is_sent_away_and_nothing_grows(run: Path) -> None:
    context, may, _ = holding(run, Limits(queue=10, batch=4))
    with context as asker:
        ready(asker)
        asked = [asker.begin("POST", "/predict", picture(0)) for _ in range(40)]
        limit = time.monotonic() + 20
        while sum(each.done() for each in asked) < 30:
            assert time.monotonic() < limit
            time.sleep(0.005)
        assert asker.app.state.service.answering.held == 10
        assert asker.app.state.service.lanes.waiting() <= 10
        refused = [each.result() for each in asked if each.done()]
        assert all(each.status == 503 and int(each.header("retry-after")) >= 1 for each in refused)
        may[0] = True
        assert sorted(each.result(20).status for each in asked) == [200] * 10 + [503] * 30
        assert asker.ask("POST", "/predict", picture(0)).status == 200
        assert asker.app.state.service.answering.held == 0
        assert asker.app.state.service.answering._bodies.held == 0


def test_what_clients_that_left_had_asked_for_is_not_computed(run: Path) -> None:
    context, may, made = holding(run, Limits(batch=1))
    with context as asker:
        ready(asker)
        first = asker.begin("POST", "/predict", picture(0))
        leaving = [asker.begin("POST", "/predict", picture(0), leaves_after=0.1) for _ in range(20)]
        assert {each.result(20).status for each in leaving} == {499}
        may[0] = True
        assert first.result(20).status == 200
        assert asker.ask("POST", "/predict", picture(0)).status == 200
        # The first and the last, not 22; the task of a client that has left is cancelled a moment
        # after the lane is free, which may have begun it. Warming up goes past this counter.
        assert 2 <= made[0].seen <= 3
        assert asker.app.state.service.answering.held == 0


def test_a_network_that_fails_or_hangs_fails_one_batch_alone(run: Path) -> None:
    context, may, made = holding(run, Limits(answer_seconds=0.2))
    with context as asker:
        ready(asker)
        assert asker.ask("POST", "/predict", picture(0)).status == 504
        assert asker.ask("GET", "/health").status == 503
        may[0] = True
        assert asker.ask("POST", "/predict", picture(0)).status == 200
        limit = time.monotonic() + 10
        while asker.ask("GET", "/health").status != 200:
            assert time.monotonic() < limit
            time.sleep(0.01)
        made[0]._may = fail
        broken = asker.ask("POST", "/predict", picture(0))
        assert (broken.status, set(broken.json())) == (500, {"error", "hint"})
        made[0]._may = lambda: True
        assert asker.ask("POST", "/predict", picture(0)).status == 200


def fail() -> bool:
    raise RuntimeError("no answer")


@pytest.mark.parametrize("by", BY)
def test_new_weights_take_over_and_damaged_ones_are_refused(
    tmp_path: Path, data: DataSet, by: str
) -> None:
    run = save_run(tmp_path / "bugs", data, fit="crop")
    loaded = load(run)
    with served(run, by) as asker:
        ready(asker)
        service = asker.app.state.service
        first = asker.ask("POST", "/predict", picture(2)).json()
        (stage,) = service.shelf.get("bugs").course("").stages
        image = decode(stage, picture(2))
        assert isinstance(image, Decoded)
        begun = stage.job(image.image)

        def look() -> None:
            import asyncio

            asyncio.run_coroutine_threadsafe(service.shelf.look(), asker.loop).result(20)

        with torch.no_grad():
            for name, value in loaded.model.head[-1].named_parameters():
                if name == "bias":
                    value.add_(torch.tensor([0.0, 5.0, 0.0]))
        card = replace(loaded.card, step=9, self_test=fixed_logits(
            loaded.model, loaded.card.preprocess
        ))  # fmt: skip
        checkpoints = run / "checkpoints"
        second = folders.step_folder(checkpoints, "best", 9)
        folders.save(second, loaded.model.state_dict(), card)
        look()
        assert asker.ask("POST", "/predict", picture(2)).json()["weights"] == first["weights"]
        folders.point(checkpoints / "best", second)
        look()
        later = asker.ask("POST", "/predict", picture(2)).json()
        assert later["weights"] != first["weights"]
        expected = cladenet.predict(run, [picture(2)])[0].best
        found = later["predictions"][0]["top"][0]
        assert found["class"] == expected.name == "bee"
        assert found["probability"] == pytest.approx(expected.probability, abs=1e-6)
        (before,) = begun.network.answer([begun.image])  # who began with the old one ends with it
        assert isinstance(before, Answer)
        assert before.top[0].probability == pytest.approx(
            first["predictions"][0]["top"][0]["probability"], abs=1e-6
        )

        third = folders.step_folder(checkpoints, "best", 12)
        folders.save(third, loaded.model.state_dict(), replace(card, step=12))
        weights = bytearray((third / "weights.safetensors").read_bytes())
        weights[-20] ^= 1
        (third / "weights.safetensors").write_bytes(weights)
        folders.point(checkpoints / "best", third)
        look()
        assert asker.ask("POST", "/predict", picture(2)).json()["weights"] == later["weights"]
        text = asker.ask("GET", "/metrics").body.decode()
        assert 'cladenet_swaps_total{model="bugs",outcome="taken"} 1.0' in text
        assert 'cladenet_swaps_total{model="bugs",outcome="refused"} 1.0' in text


def test_explain_lays_evidence_over_what_the_network_sees(asker: Client) -> None:
    answer = asker.ask("POST", "/explain?class=bee", picture(0))
    assert answer.status == 200
    assert (answer.json()["class"], answer.json()["label"]) == ("bee", 1)
    sizes = []
    for name in ("view", "heat"):
        png = base64.b64decode(answer.json()[name].partition(",")[2])
        picture_of = Image.open(io.BytesIO(png))
        sizes.append(picture_of.size)
    assert picture_of.mode == "RGBA"  # clear where nothing speaks for the class
    clear = np.asarray(picture_of)[:, :, 3]
    assert clear.max() in (0, 255)
    assert clear.min() == 0
    assert sizes[0] == sizes[1]
    assert asker.ask("POST", "/explain?class=moth", picture(0)).status == 400
    likeliest = asker.ask("POST", "/predict", picture(0)).json()["predictions"][0]["top"][0]
    assert asker.ask("POST", "/explain", picture(0)).json()["label"] == likeliest["label"]


def test_models_say_what_they_are_and_no_path(asker: Client, run: Path) -> None:
    answer = asker.ask("GET", "/models")
    (model,) = answer.json()["models"]
    assert (model["name"], model["classes"]) == ("bugs", ["ant", "bee", "wasp"])
    assert model["input"] == [3, 32, 32]
    assert str(run.parent).encode() not in answer.body
    assert b"/tmp" not in answer.body


def test_the_counters_count(run: Path) -> None:
    with served(run) as asker:
        ready(asker)
        asker.ask("POST", "/predict", picture(0))
        body, headers = form(("a", picture(1)), ("b", picture(2)), ("c", b"x"))
        asker.ask("POST", "/predict", body, headers)
        asker.ask("POST", "/predict", b"x")
        asker.ask("GET", "/nowhere")
        answer = asker.ask("GET", "/metrics")
    text = answer.body.decode()
    assert answer.header("content-type").startswith("text/plain; version=0.0.4")
    for line in (
        'cladenet_requests_total{path="/predict",status="200"} 2.0',
        'cladenet_requests_total{path="/predict",status="415"} 1.0',
        'cladenet_requests_total{path="other",status="404"} 1.0',
        'cladenet_images_total{model="bugs",outcome="answered"} 3.0',
        'cladenet_images_total{model="bugs",outcome="refused"} 2.0',
        'cladenet_batch_images_sum{model="bugs"} 3.0',
        "cladenet_images_in_progress 0.0",
    ):
        assert line in text


def test_openapi_names_the_paths_that_there_are(asker: Client) -> None:
    document = asker.ask("GET", "/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method in methods:
            answer = asker.ask(method.upper(), path, picture(0) if method == "post" else b"")
            assert answer.status == 200, path
    text = json.dumps(document)
    for name in ("Answer", "Prediction", "Problem"):
        assert f'"#/components/schemas/{name}"' in text
        assert name in document["components"]["schemas"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": f"bearer {TOKEN}"}, 200),
        ({"authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"authorization": "Bearer \xe9"}, 401),
        ({"cookie": f"cladenet_token={TOKEN}"}, 200),
        ({"cookie": "cladenet_token=x"}, 401),
    ],
)
def test_with_a_token_only_those_who_bring_it_are_answered(
    guarded: Client, headers: dict[str, str], status: int
) -> None:
    for path in ("/models", "/metrics", "/openapi.json"):
        assert guarded.ask("GET", path, b"", {"host": "example.org", **headers}).status == status
    assert guarded.ask("POST", "/predict", picture(0), headers).status == status


@pytest.fixture(scope="module")
def guarded(run: Path) -> Iterator[Client]:
    with served(run, address=Address("0.0.0.0", 8000, TOKEN)) as asker:  # noqa: S104
        yield ready(asker)


def test_health_needs_no_token_and_a_browser_gets_it_by_a_link(guarded: Client) -> None:
    for path in ("/health", "/ready"):
        answer = guarded.ask("GET", path)
        assert (answer.status, answer.json()) == (200, {"ok": True})
    for path, headers in (
        ("/?token=wrong", {}),
        ("/", {"authorization": "Bearer wrong"}),
        ("/", {"cookie": "cladenet_token=x"}),
    ):
        refused = guarded.ask("GET", path, b"", headers)
        assert (refused.status, refused.json()["error"]) == (401, "this is not the token")
    assert "those who have its token" in guarded.ask("GET", "/").json()["error"]
    answer = guarded.ask("GET", f"/?token={TOKEN}")
    assert (answer.status, answer.header("location")) == (303, "/")
    cookie = answer.header("set-cookie").lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    kept = answer.header("set-cookie").partition(";")[0]
    assert guarded.ask("GET", "/models", b"", {"cookie": kept}).status == 200


def test_other_sites_cannot_ask_by_way_of_a_browser(asker: Client) -> None:
    """Neither by a form of theirs, nor by a name of theirs that leads to this machine."""
    image = picture(0)
    for headers, status in (
        ({"origin": "https://example.org"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost"}, 200),
        ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "example.org"}, 421),
        ({"host": "127.0.0.1.example.org:8000"}, 421),
        ({"host": ""}, 421),
    ):
        assert asker.ask("POST", "/predict", image, headers).status == status, headers
    answer = asker.ask("GET", "/models")
    assert answer.header("x-content-type-options") == "nosniff"
    assert "default-src 'self'" in answer.header("content-security-policy")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from cladenet.export.export_run import export_run
    from cladenet.export.request import Request

    out = tmp_path_factory.mktemp("exported") / "bugs-file.onnx"
    return export_run(run, Request("onnx", str(out))).path


def test_an_exported_file_is_served_beside_its_run(run: Path, exported: Path) -> None:
    with served(run, runs=named([run, exported])) as asker:
        ready(asker)
        by_run = asker.ask("POST", "/predict?model=bugs", picture(3)).json()
        answer = asker.ask("POST", "/predict?model=bugs-file", picture(3))
        assert answer.status == 200
        by_file = answer.json()
        assert by_file["weights"] == hashlib.sha256(exported.read_bytes()).hexdigest()
        pairs = zip(by_run["predictions"][0]["top"], by_file["predictions"][0]["top"], strict=True)
        for one, other in pairs:
            assert one["class"] == other["class"]
            assert one["probability"] == pytest.approx(other["probability"], abs=1e-4)
        models = asker.ask("GET", "/models").json()["models"]
        assert [model["evidence"] for model in models] == [True, False]
        assert asker.ask("POST", "/explain?model=bugs-file", picture(3)).status == 422


def test_options_of_runs_are_refused_for_files(exported: Path) -> None:
    """Before the server says that it will answer."""
    announced: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = Address(port=probe.getsockname()[1])

    def serve_with(options: ServeOptions) -> None:
        serve([exported], address, Limits(), options, lambda *words: announced.append(words))

    with pytest.raises(BadArgument, match="--budget is for runs"):
        serve_with(ServeOptions(budget="20M"))
    with pytest.raises(BadArgument, match="--precision is for runs"):
        serve_with(ServeOptions(predictor={"precision": "int8"}))
    assert not announced


def test_bounds_are_named_as_the_options_are(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--max-body", "--queue", "--batch", "--timeout"):
        assert main(["serve", "run", option, "0"]) == 2
        assert re.search(f"{option[2:]} is 0(.0)?; expected more than 0", capsys.readouterr().err)


def test_a_misspelt_file_is_told_from_a_run(exported: Path) -> None:
    near = exported.with_suffix(".onx")
    with pytest.raises(CheckpointError, match=f"{near} does not exist; nearest: {exported}"):
        named([near])


def test_names_are_the_last_part_of_a_path_and_none_is_given_twice(
    run: Path, exported: Path, tmp_path: Path
) -> None:
    (tmp_path / "bugs").symlink_to(run)
    copy = tmp_path / "other" / "bugs"
    shutil.copytree(run, copy)
    assert list(named([run, copy, exported])) == ["bugs", "bugs-2", "bugs-file"]
    with pytest.raises(BadArgument, match="named twice"):
        named([run, tmp_path / "bugs"])
    with pytest.raises(CheckpointError, match="does not exist"):
        named([tmp_path / "nothing.onnx"])


def test_a_server_of_files_alone_loads_no_torch(exported: Path) -> None:
    code = (
        "import sys; from cladenet.serve.start import serve; "
        "from cladenet.serve.models.opening import ServeOptions, opened; from pathlib import Path; "
        f"opened('file', Path({str(exported)!r}), ServeOptions()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
