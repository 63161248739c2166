"""Time stamps by an authority that runs here, made of ``openssl ts``."""

from __future__ import annotations

import base64
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.casebook.stamping import over_http, stamp_head
from divisive_desktop.casebook.timestamps import read_stamp
from divisive_desktop.casebook.verify import verify
from divisive_desktop.cli.timestamp import timestamp
from divisive_desktop.errors import CasebookError

Ask = Callable[[bytes], bytes]
CONFIGURATION = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[usage]
extendedKeyUsage = critical,timeStamping
[plain]
extendedKeyUsage = clientAuth
[dn]
"""

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module", params=["rsa:2048", "ec"])
def authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
    how = ("-newkey", "rsa:2048") if request.param != "ec" else ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    openssl("req", "-x509", *how, "-nodes", "-days", "2", "-subj", "/CN=Clock of the test", "-extensions", "usage",
            "-config", folder / "tsa.cnf", "-keyout", folder / "tsa.key", "-out", folder / "tsa.pem")  # fmt: skip

    def ask(query: bytes) -> bytes:
        (folder / "query").write_bytes(query)
        files = ("-queryfile", folder / "query", "-out", folder / "answer")
        openssl("ts", "-reply", "-config", folder / "tsa.cnf", *files)
        return (folder / "answer").read_bytes()

    return ask


@pytest.fixture
def url(authority: Ask) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = authority(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_head_is_stamped_and_the_stamp_is_checked(authority: Ask, tmp_path: Path) -> None:
    with Casebook.create(tmp_path / "A.casebook") as book:
        book.audit.record("note", text="one")
        seq, head = book.head()
        stamp = stamp_head(book, authority)
        assert stamp.authority == "CN=Clock of the test"
        token = base64.b64decode(str(book.audit.trail(limit=1)[0].parameters["token"]))
    found = verify(tmp_path / "A.casebook")
    assert found.breaks == []
    (said,) = [str(r) for r in found.remarks if "existed on" in str(r)]
    assert f"record {seq} existed on {stamp.time}, says CN=Clock of the test" in said
    with pytest.raises(ValueError, match="something else"):
        read_stamp(token, "0" * 64)
    for position in range(0, len(token), 7):
        changed = bytearray(token)
        changed[position] ^= 1
        try:
            assert read_stamp(bytes(changed), head) == stamp, "a byte that nothing rests on"
        except ValueError:
            continue


def test_time_and_signature_can_t_be_changed(authority: Ask, tmp_path: Path) -> None:
    with Casebook.create(tmp_path / "A.casebook") as book:
        head = book.head()[1]
        stamp = stamp_head(book, authority)
        token = base64.b64decode(str(book.audit.trail(limit=1)[0].parameters["token"]))
    year = stamp.time[:4].encode()
    at = token.index(year, token.index(bytes.fromhex("0609608648016503040201")))  # gen_time, behind the imprint
    with pytest.raises(ValueError, match="content was changed"):
        read_stamp(token[:at] + b"1999" + token[at + 4 :], head)
    with pytest.raises(ValueError, match="signature"):
        read_stamp(token[:-1] + bytes([token[-1] ^ 1]), head)


def test_a_stamp_of_another_history_is_told(authority: Ask, tmp_path: Path) -> None:
    with Casebook.create(tmp_path / "A.casebook") as book:
        stamp_head(book, authority)
        said = book.audit.trail(limit=1)[0].parameters
    with Casebook.create(tmp_path / "B.casebook") as other:
        other.audit.record("timestamp", **said)
    assert "its time stamp doesn't hold: it is of another history" in str(verify(tmp_path / "B.casebook").breaks[0])


def test_an_answer_that_is_none_is_refused_and_nothing_is_kept(authority: Ask, tmp_path: Path) -> None:
    with Casebook.create(tmp_path / "A.casebook") as book:
        before = book.head()
        earlier = authority(b"")  # openssl's own refusal
        for answer in (b"", b"<html>", earlier, b"0" * 5000):
            with pytest.raises(CasebookError):
                stamp_head(book, lambda query, answer=answer: answer)  # type: ignore[misc]
        replayed: list[bytes] = []

        def same_again(query: bytes) -> bytes:
            replayed.append(authority(query))
            return replayed[0]

        stamp_head(book, same_again)
        with pytest.raises(CasebookError, match=r"something else|another question"):
            stamp_head(book, same_again)
        assert book.head()[0] == before[0] + 1


def test_the_command_asks_before_it_goes_to_the_network(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Casebook.create(tmp_path / "A.casebook").close()
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text: bool(asked.append(text)))
    assert timestamp(tmp_path / "A.casebook", url) == 1
    assert url in asked[0]
    assert "Nothing was sent" in capsys.readouterr().out
    assert timestamp(tmp_path / "A.casebook", url, yes=True) == 0
    assert "says CN=Clock of the test" in capsys.readouterr().out
    assert verify(tmp_path / "A.casebook").ok
    with pytest.raises(CasebookError, match="can't be reached"):
        timestamp(tmp_path / "A.casebook", "http://127.0.0.1:9/", yes=True)
    with pytest.raises(CasebookError, match="not the address"):
        over_http("file:///etc/passwd")
