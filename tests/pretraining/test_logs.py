"""Laws of logs: steps that both have are compared; a thinned log keeps what a comparison and a curve need."""

import json

from pretraining.logs import differences, keep_until, thinned


def write_log(path, losses):
    entries = [{"step": step, "loss": loss, "seconds": 0.1} for step, loss in losses.items()]
    entries.append({"step": max(losses), "validation": {"cells": {"object": 0.5, "border": 0.1}}})
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def test_losses_of_the_same_steps_are_compared(tmp_path):
    ours, theirs = tmp_path / "ours.jsonl", tmp_path / "theirs.jsonl"
    write_log(ours, {0: 1.02, 1: 2.0, 5: 1.0})
    write_log(theirs, {0: 1.0, 1: 2.0, 2: 3.0})
    assert {step: round(apart, 6) for step, apart in differences(ours, theirs).items()} == {0: 0.02, 1: 0.0}


def test_a_thinned_log_keeps_the_first_steps_and_every_validation(tmp_path):
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    write_log(whole, {step: 1 + step for step in range(1000)})
    part.write_text(thinned(whole))
    assert list(differences(part, whole)) == [*range(100), *range(100, 1000, 50)]
    assert '"validation"' in part.read_text()


def test_steps_after_the_last_checkpoint_are_left_out(tmp_path):
    log = tmp_path / "log.jsonl"
    assert not keep_until(log, 0) and not log.exists()
    write_log(log, {step: 1 + step for step in range(5)})
    whole = log.read_text()
    log.write_text(whole + '{"step": 5, "lo')
    assert keep_until(log, 5) and log.read_text() == whole
    assert not keep_until(log, 3)
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [0, 1, 2]
