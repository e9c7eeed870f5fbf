from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from uhd.errors import UserError
from uhd.runtime.stream import MjpegServer


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    server = MjpegServer()
    yield server
    server.close()


def get(server: MjpegServer, path: str, host: str | None = None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", path, headers={"Host": host} if host else {})
    return connection.getresponse()


def read_frame(response: http.client.HTTPResponse) -> np.ndarray:
    assert response.readline() == b"--frame\r\n"
    assert response.readline() == b"Content-Type: image/jpeg\r\n"
    length = int(response.readline().split(b":")[1])
    assert response.readline() == b"\r\n"
    data = response.read(length)
    assert response.readline() == b"\r\n"
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def test_viewers_see_the_newest_frame(server: MjpegServer) -> None:
    red, green = np.full((16, 24, 3), (250, 0, 0), np.uint8), np.full((16, 24, 3), (0, 250, 0), np.uint8)
    server.show(green)
    server.show(red)
    first, second = get(server, "/stream.mjpg"), get(server, "/stream.mjpg")
    for response in (first, second):
        frame = read_frame(response)
        assert frame.shape == (16, 24, 3)
        assert frame[..., 0].mean() > 240
    server.show(green)
    assert read_frame(first)[..., 1].mean() > 240
    first.close()
    for _ in range(3):  # a viewer that left disturbs nobody
        server.show(red)
        assert read_frame(second).shape == (16, 24, 3)


def test_the_page_shows_the_stream(server: MjpegServer) -> None:
    response = get(server, "/")
    assert response.status == 200
    assert b"/stream.mjpg" in response.read()
    assert get(server, "/", "localhost:1").status == 200
    assert get(server, "/etc/passwd").status == 404


def test_only_this_machine_by_its_own_name(server: MjpegServer) -> None:
    assert server.address == f"http://127.0.0.1:{server.port}/"
    assert get(server, "/stream.mjpg", "evil.example:80").status == 403
    assert get(server, "/", "127.0.0.1.evil.example").status == 403


def test_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match="port"):
        MjpegServer(taken.getsockname()[1])
    with pytest.raises(UserError, match="port"):
        MjpegServer(99999)


def test_closing_ends_the_streams_and_frees_the_port() -> None:
    server = MjpegServer()
    server.show(np.zeros((8, 8, 3), np.uint8))
    response = get(server, "/stream.mjpg")
    read_frame(response)
    server.close()
    assert response.read() == b""
    MjpegServer(server.port).close()
