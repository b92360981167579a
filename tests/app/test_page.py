"""The page as people use it, in a real Chromium."""

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgn.data.files.masks import decode_segmentation
from tests.app.conftest import PHRASES

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
expect.set_options(timeout=60_000)

SPEECH = """window.SpeechRecognition = undefined; window.webkitSpeechRecognition = class {
  start() { this.onstart(); this.onresult({ results: [[{ transcript: "the star" }]] }); this.onend(); } };"""
NO_SPEECH = "window.SpeechRecognition = window.webkitSpeechRecognition = undefined;"


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine: install the package chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, served):
    """Open the page, after a script of one's own; whatever it asks of other hosts fails the test."""
    contexts = []
    strangers: list[str] = []

    def open_it(script=""):
        context = browser.new_context(accept_downloads=True, viewport={"width": 1280, "height": 900})
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(script)
        page.on("request", lambda request: strangers.append(request.url) if _is_foreign(request.url, served) else None)
        page.on("dialog", lambda dialog: strangers.append(f"dialog {dialog.message}"))
        page.goto(served.url)
        expect(page.get_by_label("Phrases, one per line")).to_be_visible()
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert strangers == []


def _is_foreign(url, served):
    return not url.startswith((served.url, "data:", "blob:"))


def upload(page, content):
    file = {"name": "photo.png", "mimeType": "image/png", "buffer": content}
    page.locator("#asgn-photo input[type=file]").set_input_files(file)


def answer_of(page):
    return page.locator("#asgn-answer")


def ask(page, png, phrases):
    upload(page, png)
    expect(answer_of(page)).to_contain_text("Ready")
    page.get_by_label("Phrases, one per line").fill("\n".join(phrases))
    page.get_by_role("button", name="Segment", exact=True).click()
    expect(answer_of(page)).to_contain_text("phrases found")


def is_drawn(image):
    return image.evaluate("element => element.complete && element.naturalWidth > 0")


def test_two_phrases_give_two_masks_to_look_at_and_to_download(open_page, served, png, pixels):
    page = open_page()
    ask(page, png, PHRASES)
    expected = served.segmenter(pixels, PHRASES)
    for phrase, result in zip(PHRASES, expected, strict=True):
        layer = page.locator(".asgn-together").get_by_alt_text(re.compile(f"Mask of “{phrase}”"))
        expect(layer).to_be_visible()
        assert is_drawn(layer)
        said = f"score {result.score:.2f}" if result.found else "nothing matches"
        expect(page.locator(".asgn-legend li", has_text=phrase)).to_contain_text(said)

    record = json.loads(downloaded(page, "Download masks (JSON)"))
    for given, result in zip(record["results"], expected, strict=True):
        np.testing.assert_array_equal(decode_segmentation(given["segmentation"], 48, 90, "download"), result.mask)
    picture = Image.open(io.BytesIO(downloaded(page, "Download picture (PNG)")))
    assert picture.format == "PNG"
    assert picture.width == 720  # the small photograph enlarged by a whole number


def downloaded(page, name):
    with page.expect_download() as waiting:
        page.get_by_role("link", name=name).click()
    return Path(waiting.value.path()).read_bytes()


def test_phrases_can_be_hidden_and_compared(open_page, png):
    page = open_page()
    ask(page, png, PHRASES)
    first, second = page.locator(".asgn-together .asgn-layer").all()
    page.get_by_role("checkbox", name=PHRASES[0]).uncheck()
    expect(first).to_be_hidden()
    expect(second).to_be_visible()
    page.get_by_role("checkbox", name=PHRASES[0]).check()
    page.get_by_role("radio", name="Side by side").check()
    expect(page.locator(".asgn-together")).to_be_hidden()
    for phrase in PHRASES:
        expect(page.get_by_role("figure", name=phrase)).to_be_visible()


def test_a_bad_file_is_named_and_the_page_goes_on(open_page, png):
    page = open_page()
    upload(page, b"I am a letter, not a picture.")
    expect(page.get_by_role("alert")).to_contain_text("not an image")
    page.get_by_role("button", name="Remove Image").click()
    expect(answer_of(page)).to_contain_text("Drop a photograph")
    ask(page, png, PHRASES)


def test_a_file_too_large_is_named(open_page, tmp_path):
    page = open_page()
    (tmp_path / "large.png").write_bytes(bytes(21 * 2**20))
    page.locator("#asgn-photo input[type=file]").set_input_files(tmp_path / "large.png")
    expect(page.get_by_text(re.compile("exceed the maximum allowed size of 20")).first).to_be_visible()


def test_empty_and_unknown_phrases_are_named(open_page, png):
    page = open_page()
    segment = page.get_by_role("button", name="Segment", exact=True)
    segment.click()
    expect(page.get_by_role("alert")).to_contain_text("No photograph yet")
    upload(page, png)
    expect(answer_of(page)).to_contain_text("Ready")
    segment.click()
    expect(page.get_by_role("alert")).to_contain_text("No phrase: say what to segment")
    page.get_by_label("Phrases, one per line").fill("gnarf\n\nleft circle")
    segment.click()
    expect(page.locator(".asgn-refused")).to_contain_text("gnarf")
    expect(page.locator(".asgn-together .asgn-layer")).to_have_count(1)


def test_phrases_are_text_and_nothing_else(open_page, png):
    """Neither HTML nor the template languages of gradio's HTML box may come alive in a phrase."""
    page = open_page()
    hostile = "left circle <img src=x onerror=alert(1)> {{7*7}} ${7*7} <b>"
    ask(page, png, [hostile, PHRASES[1]])
    expect(page.locator(".asgn-legend li").first).to_contain_text(hostile)


def test_everything_works_from_the_keyboard(open_page, png):
    page = open_page()
    upload(page, png)
    expect(answer_of(page)).to_contain_text("Ready")
    page.get_by_label("Phrases, one per line").focus()
    page.keyboard.type(PHRASES[0])
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_role("checkbox", name=PHRASES[0])).to_be_checked()
    page.get_by_role("checkbox", name=PHRASES[0]).focus()
    page.keyboard.press("Space")
    expect(page.locator(".asgn-together .asgn-layer")).to_be_hidden()


def test_an_example_is_one_click(open_page):
    page = open_page()
    page.locator("#asgn-examples button").last.click()
    expect(page.locator(".asgn-together .asgn-photo")).to_be_visible()
    assert page.get_by_label("Phrases, one per line").input_value()


def test_a_spoken_phrase_becomes_a_line(open_page):
    page = open_page(SPEECH)
    page.get_by_label("Phrases, one per line").fill("left circle")
    page.get_by_role("button", name="Speak a phrase").click()
    expect(page.get_by_label("Phrases, one per line")).to_have_value("left circle\nthe star")


def test_without_speech_recognition_there_is_no_button(open_page):
    expect(open_page(NO_SPEECH).get_by_role("button", name="Speak a phrase")).to_be_hidden()
