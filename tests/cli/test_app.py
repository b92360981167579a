"""`asgn app`: what keeps it from starting is one clear line."""

import socket
import sys


def test_a_missing_extra_is_named(asgn, model_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    outcome = asgn("app", "--model", model_file, "--port", 0)
    assert outcome.code == 2
    assert "pip install 'asgn[app]'" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_port_that_is_taken(asgn, model_file):
    with socket.create_server(("127.0.0.1", 0)) as other:
        outcome = asgn("app", "--model", model_file, "--port", other.getsockname()[1])
    assert outcome.code == 2
    assert "choose another --port" in outcome.err


def test_a_host_that_is_not_here(asgn, model_file):
    outcome = asgn("app", "--model", model_file, "--port", 0, "--host", "no.such.host.invalid")
    assert outcome.code == 2
    assert "cannot listen on no.such.host.invalid" in outcome.err
