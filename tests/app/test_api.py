"""The HTTP API as a client sees it: answers, refusals in one clear line, and no request that breaks it."""

import json
import struct
import zlib
from html import unescape

import numpy as np
import pytest

from asgn.app.service import PhraseAnswer
from asgn.app.viewer import show_answers
from asgn.data.files.masks import decode_segmentation
from benchmarks.app_load import fuzz_images, fuzz_phrases
from tests.app.conftest import PHRASES


def ask(client, image=b"", *, name="photo.png", phrases=PHRASES, **fields):
    files = {"image": (name, image)} if image is not None else {"nothing": ("", b"")}
    return client.post("/api/segment", files=files, data={"phrases": list(phrases), **fields})


def refusal(response, status):
    """The one line that refuses a request."""
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    message = response.json()["error"]
    assert message
    assert "\n" not in message
    assert "Traceback" not in message
    return message


FORM = {"content-type": "multipart/form-data; boundary=B"}


def form(name, parts):
    """A form written by hand, in chunks of unannounced number."""
    yield b'--B\r\nContent-Disposition: form-data; name="phrases"\r\n\r\nleft circle\r\n'
    yield b'--B\r\nContent-Disposition: form-data; name="image"; filename="' + name + b'"\r\n\r\n'
    yield from parts
    yield b"\r\n--B--\r\n"


def bomb(side=50_000):
    """A PNG of 2,500 megapixels in a few kilobytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


def test_masks_and_scores_are_the_segmenters_own(client, served, png, pixels):
    answer = ask(client, png).json()
    assert (answer["image"]["width"], answer["image"]["height"]) == (90, 48)
    assert answer["model"] == "M+LSTM+DE+SE"
    own = served.segmenter(pixels, PHRASES)
    assert all(result.found for result in own)
    for given, expected in zip(answer["results"], own, strict=True):
        assert given["phrase"] == expected.phrase
        np.testing.assert_array_equal(decode_segmentation(given["segmentation"], 48, 90, "answer"), expected.mask)
        assert given["score"] == pytest.approx(expected.score, abs=1e-5)
        assert given["presence"] == pytest.approx(expected.presence, abs=1e-5)
        assert given["found"] is expected.found
        assert given["area"] == expected.mask.sum()


def test_an_image_is_encoded_once_and_known_by_its_id(client, served, png, monkeypatch):
    first = ask(client, png).json()
    monkeypatch.setattr(served.segmenter, "encode", lambda image: pytest.fail("encoded again"))
    assert ask(client, png).json() == first
    by_id = client.post("/api/segment", files={"image_id": (None, first["image"]["id"]), "phrases": (None, PHRASES[0])})
    assert by_id.json()["results"] == first["results"][:1]


def test_phrases_may_come_as_lines_of_one_field(client, png):
    lines = ask(client, png, phrases=["\n".join(PHRASES)]).json()
    assert lines == ask(client, png).json()


def test_a_bad_phrase_leaves_the_others_their_answers(client, png):
    results = ask(client, png, phrases=[PHRASES[0], "", "gnarf", "left cirlce gnarf", "circle " * 60]).json()["results"]
    assert results[0]["segmentation"]
    assert "holds no word" in results[1]["error"]
    assert "gnarf" in results[2]["error"]
    assert results[3]["read_as"] == {"cirlce": "circle"}
    assert results[3]["unknown_words"] == ["gnarf"]
    assert "too long" in results[4]["error"]


def test_what_cannot_be_answered_is_said_on_the_page_as_in_the_api(client, png, segmenter, pixels):
    phrases = ["the hat on the circle", "not a circle", "left circle without a hat"]
    hat, nothing, rest = ask(client, png, phrases=phrases).json()["results"]
    assert (hat["found"], hat["reason"], hat["presence"]) == (False, "the thing asked for is not known: hat", 0)
    assert nothing["reason"] == "the phrase only says what is not meant: say what to segment"
    assert rest["remarks"] == ["'without a hat' was not read: the model does not know negation"]
    answers = [PhraseAnswer(phrase, segmenter(pixels, phrase)) for phrase in phrases]
    page = unescape(show_answers("address", answers))
    for said in (hat["reason"], nothing["reason"], rest["remarks"][0]):
        assert said in page


@pytest.mark.parametrize("phrases", [[""], ["  ", "\n"], []])
def test_no_phrase(client, png, phrases):
    assert "no phrase" in refusal(ask(client, png, phrases=phrases), 422)


def test_too_many_phrases(client, png):
    assert "at most 16" in refusal(ask(client, png, phrases=["\n".join(["circle"] * 17)]), 413)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"I am a letter, not a picture.", "not an image"),
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    ],
)
def test_bad_files(client, content, said):
    assert said in refusal(ask(client, content), 422)


def test_a_file_cut_short(client, png):
    assert "damaged" in refusal(ask(client, png[:300]), 422)


def test_a_decompression_bomb_is_refused_by_its_header(client):
    content = bomb()
    assert len(content) < 10_000
    assert "megapixels" in refusal(ask(client, content), 422)
    assert "5000x5000" in refusal(ask(client, bomb(5000)), 413)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "C:evil.png", "..", "a\x00b.png", "x" * 300]
)
def test_names_like_paths_are_refused(client, png, name):
    quoted = name.replace("\\", "\\\\").encode()
    assert "looks like a path" in refusal(client.post("/api/segment", content=form(quoted, [png]), headers=FORM), 400)


def test_an_upload_of_200_megabytes(client):
    assert "at most 20 MB" in refusal(ask(client, bytes(200_000_000)), 413)


def test_an_upload_that_hides_its_length(client):
    def chunks():
        yield b'--B\r\nContent-Disposition: form-data; name="image"; filename="p.png"\r\n\r\n'
        yield from (bytes(2**20) for _ in range(40))

    response = client.post(
        "/api/segment", content=chunks(), headers={"content-type": "multipart/form-data; boundary=B"}
    )
    assert "too large" in refusal(response, 413)


def test_requests_that_are_no_form(client):
    assert "multipart/form-data" in refusal(client.post("/api/segment", json={"phrases": ["cat"]}), 415)
    broken = client.post("/api/segment", content=b"rubbish", headers={"content-type": "multipart/form-data"})
    assert refusal(broken, 400)


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/api/segment", 405, "takes POST, not GET"),
        ("PUT", "/api/segment", 405, "takes POST, not PUT"),
        ("POST", "/api/model", 405, "takes GET, not POST"),
        ("GET", "/api/segments", 404, "there is no /api/segments"),
        ("DELETE", "/api/", 404, "there is no /api/"),
        ("GET", "/nothing/here", 404, "Not Found"),
        ("POST", "/answers/a/b", 404, "Not Found"),
    ],
)
def test_wrong_methods_and_paths_answer_as_documented(client, method, path, status, said):
    response = client.request(method, path)
    assert said in refusal(response, status)
    if path in ("/api/segment", "/api/model"):
        assert response.headers["allow"] == ("POST" if path == "/api/segment" else "GET")


def test_media_types_have_no_case(client, png):
    body = b"".join(form(b"p.png", [png]))
    answer = client.post("/api/segment", content=body, headers={"content-type": "Multipart/Form-Data; boundary=B"})
    assert answer.status_code == 200, answer.text


def test_phrases_may_come_as_a_json_list(client, png):
    assert ask(client, png, phrases=[json.dumps(PHRASES)]).json() == ask(client, png).json()
    assert "not of texts" in refusal(ask(client, png, phrases=["[1, 2]"]), 422)
    assert "no phrase" in refusal(ask(client, png, phrases=["[]"]), 422)
    assert ask(client, png, phrases=["[left] circle"]).json()["results"][0]["phrase"] == "[left] circle"


def test_wrong_fields_are_named(client, png):
    assert "unknown field 'phrase'" in refusal(ask(client, png, phrase="cat"), 422)
    assert "either image" in refusal(ask(client, png, image_id="abc"), 422)
    text = client.post("/api/segment", files={"image": (None, "cat.png"), "phrases": (None, "cat")})
    assert "send it as a file" in refusal(text, 422)
    gone = client.post("/api/segment", files={"image_id": (None, "0" * 64), "phrases": (None, "cat")})
    assert "send the file again" in refusal(gone, 404)


def test_the_model_and_its_limits_are_told(client, served):
    told = client.get("/api/model").json()
    assert told["words"] == len(served.segmenter.vocabulary)
    assert told["limits"]["file_bytes"] == 20 * 2**20


def test_random_bytes_as_images(served):
    statuses = fuzz_images(served.url, 200, seed=1)
    assert sum(statuses.values()) == 200
    assert set(statuses) <= {200, 413, 422}
    assert statuses[422] >= 100


def test_random_unicode_as_phrases(served):
    statuses = fuzz_phrases(served.url, 200, seed=1)
    assert sum(statuses.values()) == 200
    assert set(statuses) <= {200, 413, 422}  # 413: more than 16 lines
    assert statuses[200] >= 50
