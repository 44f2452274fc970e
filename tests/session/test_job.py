"""The engine process: stop, kill, crash, recovery, order, arrays, and nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from napari_upaint.engine import memory
from napari_upaint.engine.progress import NewSamples
from napari_upaint.errors import EngineError
from napari_upaint.io.folders import log_folder
from napari_upaint.session import spawn
from napari_upaint.session.job import EngineProcess
from napari_upaint.session.protocol import Event, Failed, Finished, TrainRequest

posix = pytest.mark.skipif(os.name != "posix", reason="signals")


def gone(pid, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_payloads_arrive_in_order(ask):
    assert list(ask("count", n=5)) == [0, 1, 2, 3, 4, "end"]


def test_nothing_starts_before_the_first_request_and_the_process_is_kept(engine, ask):
    assert engine.pid is None
    first = ask("facts").wait(10)
    second = ask("facts").wait(10)
    assert first["pid"] == second["pid"] == engine.pid


def test_the_process_is_quick_to_start_quiet_and_without_torch(ask):
    begin = time.monotonic()
    facts = ask("facts").wait(20)
    assert time.monotonic() - begin < 5
    assert not facts["torch"]
    assert facts["policy"] == "PASSIVE"
    assert int(facts["threads"]) >= 1
    assert os.name != "posix" or facts["nice"] > os.nice(0)


def test_jobs_run_one_after_the_other_in_the_order_of_asking(engine):
    from upaint_fake_tasks import Fake

    seen = []
    jobs = [engine.submit(Fake("count", {"n": 2, "pause": 0.01}), seen.append) for _ in range(4)]
    for job in jobs:
        job.wait(10)
    assert [one.job_id for one in seen] == [job.id for job in jobs for _ in range(4)]
    assert [type(one) for one in seen] == [Event, Event, Event, Finished] * 4


def test_a_listener_that_fails_harms_nobody(engine, ask, caplog):
    from upaint_fake_tasks import Fake

    assert engine.submit(Fake("count", {"n": 3}), lambda message: 1 / 0).wait(10) == "end"
    assert ask("count", n=1).wait(10) == "end"


# Stop -----------------------------------------------------------------------------------------------------------------


def test_stop_ends_a_job_with_its_result(engine, ask):
    job = ask("count", n=10_000, pause=0.01)
    next(iter(job))
    pid = engine.pid
    assert job.request is None  # its images are in the other process by now
    begin = time.monotonic()
    job.stop()
    assert job.wait(5).startswith("stopped at")
    assert time.monotonic() - begin < 1
    assert engine.pid == pid


def test_stop_takes_a_waiting_job_out_of_the_queue(ask):
    first, second, third = ask("count", n=20, pause=0.01), ask("count", n=5), ask("count", n=2)
    second.stop()
    assert second.wait(5) is None
    assert first.wait(5) == third.wait(5) == "end"
    assert second.outcome == Finished(second.id)


def test_a_job_that_does_not_react_is_killed_and_the_next_one_runs(engine, ask):
    job, after = ask("sleep", seconds=60), ask("count", n=2)
    next(iter(job))
    pid = engine.pid
    time.sleep(0.3)  # now it sleeps, too
    begin = time.monotonic()
    job.stop()
    with pytest.raises(EngineError, match=r"did not end within 1 s after Stop"):
        job.wait(5)
    assert 0.9 < time.monotonic() - begin < 4
    assert after.wait(10) == "end"
    assert gone(pid)


def test_a_job_that_reacted_may_take_longer_to_finish_unless_it_is_cancelled(ask):
    job = ask("slow_finish", seconds=1.4)
    next(iter(job))
    job.stop()
    assert job.wait(5) == "finished late"
    job = ask("slow_finish", seconds=1.4)
    next(iter(job))
    job.cancel()
    with pytest.raises(EngineError, match="after Stop"):
        job.wait(5)


def test_a_job_that_takes_the_stop_and_goes_on_is_killed(ask):
    job = ask("deaf", pause=0.01)
    next(iter(job))
    job.stop()
    with pytest.raises(EngineError, match=r"did not end within 2\.5 s"):
        job.wait(6)


def test_stopping_twice_or_after_the_end_is_harmless(ask):
    job = ask("count", n=3)
    job.wait(10)
    job.stop()
    job.cancel()
    job = ask("count", n=1000, pause=0.01)
    job.stop()
    job.stop()
    assert (job.wait(10) or "stopped").startswith("stopped")


def test_new_samples_reach_a_running_and_a_waiting_job(ask):
    job, later = ask("count", n=40, pause=0.01), ask("count", n=5, pause=0.01)
    payloads = iter(job)
    next(payloads)
    job.send(NewSamples(()))
    later.send(NewSamples((1, 2)))
    assert "samples 0" in list(payloads)
    assert "samples 2" in list(later)


def no_memory(*_):
    raise MemoryError


@pytest.mark.parametrize(
    ("what", "instead"),
    [("folders", lambda: [Path("/no/where")]), ("_LazyFile.append", no_memory)],
    ids=["disk", "memory"],
)
def test_news_without_room_is_lost_and_the_job_goes_on(ask, monkeypatch, what, instead):
    job, later = ask("count", n=40, pause=0.01), ask("count", n=3, pause=0.01)
    payloads = iter(job)
    next(payloads)
    samples = NewSamples((np.zeros((400, 400)),))
    with monkeypatch.context() as patch:
        patch.setattr(f"napari_upaint.session.shared.{what}", instead)
        job.send(samples)
        later.send(samples)  # it is sent with its order
        job.stop()
        *_, last = payloads
        assert last.startswith("stopped")
        assert later.wait(10) == "end"
    job = ask("count", n=40, pause=0.01)
    next(iter(job))
    job.send(samples)  # with room again
    assert "samples 1" in list(job)


def test_news_that_cannot_be_sent_ends_its_job_and_the_next_one_need_not_wait_for_it(ask):
    job = ask("deaf", pause=0.01)
    next(iter(job))
    job.send(NewSamples((lambda: 0,)))
    with pytest.raises(EngineError, match="unexpected"):
        job.wait(10)
    assert ask("count", n=1).wait(10) == "end"


def test_news_for_a_job_that_never_began_is_not_kept(engine, ask):
    first, unsendable = ask("count", n=40, pause=0.01), ask("echo", arrays=lambda: 0)
    unsendable.send(NewSamples((np.zeros((400, 400)),)))
    with pytest.raises(EngineError):
        unsendable.wait(10)
    assert first.outcome
    assert engine._supervisor._early == {}


def test_the_names_of_shared_files_are_known_to_what_sweeps_them(engine, ask):
    from napari_upaint.session.shared import _OWN

    ask("count", n=1).wait(10)
    channel = engine._supervisor._child._channel
    assert _OWN.fullmatch(f"{channel._name}{channel._count}")


# Faults ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("user", "The image is constant; choose another one."),
        ("memory", "Memory ran out; choose a smaller tile"),
        ("torch", "Memory ran out; choose a smaller tile"),
        ("other", "Something unexpected happened (ValueError: a broken invariant); see the details."),
        ("exit", "Something unexpected happened (SystemExit: 3); see the details."),
    ],
)
def test_an_error_becomes_a_sentence_and_the_process_lives(engine, ask, kind, sentence):
    job = ask("fail", kind=kind)
    with pytest.raises(EngineError) as caught:
        job.wait(10)
    assert str(caught.value).startswith(sentence)
    assert "Traceback" in job.outcome.details
    pid = engine.pid
    assert ask("count", n=1).wait(10) == "end"
    assert engine.pid == pid


def test_what_cannot_be_sent_fails_its_job_only(ask, engine):
    job = ask("unpicklable")
    with pytest.raises(EngineError, match="unexpected"):
        job.wait(10)
    job = ask("echo", arrays=lambda: 0)
    with pytest.raises(EngineError, match="unexpected"):
        job.wait(10)
    assert ask("count", n=1).wait(10) == "end"


def test_an_unknown_task_fails_its_job_only(engine, ask):
    from upaint_fake_tasks import Fake

    with pytest.raises(EngineError, match="KeyError"):
        engine.submit(Fake("no such thing")).wait(10)
    assert ask("count", n=1).wait(10) == "end"


@posix
@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("kill", "was killed (signal 9), most likely because memory ran out"),
        ("segfault", "crashed (signal 11, SIGSEGV)"),
        ("exit", "ended unexpectedly (exit code 7)"),
    ],
)
def test_a_death_fails_one_job_with_a_sentence_and_those_that_wait_get_a_new_process(
    engine, ask, how, sentence, monkeypatch
):
    for name, value in (("LC_ALL", "C"), ("PYTHONUTF8", "0"), ("PYTHONCOERCECLOCALE", "0")):
        monkeypatch.setenv(name, value)  # whatever the system writes texts in
    job, waiting = ask("die", how=how), ask("count", n=2)
    with pytest.raises(EngineError) as caught:
        job.wait(10)
    assert sentence in str(caught.value)
    assert "last words: Körper 細胞" in job.outcome.details
    assert waiting.wait(10) == "end"


@posix
def test_a_kill_from_outside_is_noticed_at_once(engine, ask):
    job = ask("sleep", seconds=60)
    next(iter(job))
    os.kill(engine.pid, signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises(EngineError, match="signal 9"):
        job.wait(5)
    assert time.monotonic() - begin < 1


@posix
def test_an_idle_process_that_dies_costs_nothing(engine, ask):
    ask("count", n=1).wait(10)
    for _ in range(3):
        os.kill(engine.pid, signal.SIGKILL)
        assert ask("count", n=1).wait(10) == "end"


@pytest.mark.parametrize(
    ("files", "threads"),
    [
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "max 100000\n"}, 63),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 63),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n", "slurm/cpu.max": "300000 100000\n"}, 2),
        ({"cpu/job/cpu.cfs_quota_us": "500000\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 4),
        ({}, 63),
    ],
)
def test_a_container_gets_the_threads_of_its_share(tmp_path, monkeypatch, files, threads):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "own").write_text("0::/slurm/job\n4:cpu,cpuacct:/job\n")
    monkeypatch.setattr(memory, "_GROUPS", str(tmp_path))
    monkeypatch.setattr(spawn, "group_folders", partial(memory.group_folders, own=str(tmp_path / "own")))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    assert spawn.spare_threads() == threads


def test_logs_of_other_windows_are_in_nobodys_way(monkeypatch, ask):
    folder = log_folder()
    folder.mkdir(parents=True)
    names = [f"engine-2026010{day}-120000-1-abcd.log" for day in range(1, 8)]
    for name in names:
        (folder / name).touch()
    whole = Path.unlink

    def unlink(path, missing_ok=False):
        if path.name == names[0]:
            raise PermissionError(13, "The file is used by another process")
        whole(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    ask("count", n=1).wait(10)
    kept = sorted(path.name for path in folder.iterdir())
    assert kept[:-1] == [names[0], *names[-4:]] and "-2026010" not in kept[-1]


# Arrays ---------------------------------------------------------------------------------------------------------------


def test_large_arrays_come_back_exact_and_writable(ask):
    rng = np.random.default_rng(0)
    arrays = {
        "large": rng.normal(size=(3, 501, 403)),
        "transposed": rng.integers(0, 9, (700, 300), dtype=np.uint16).T,
        "small": np.arange(5, dtype=np.int8),
        "half": rng.normal(size=(2, 300, 300)).astype(np.float16),
        "bool": rng.random((400, 400)) > 0.5,
        "strided": rng.integers(0, 2**31, (600, 600), dtype=np.int32)[::2, 1::3],
        "empty": np.zeros((0, 5)),
        "big-endian": np.arange(99_999, dtype=">i4"),
    }
    back = ask("echo", arrays=arrays).wait(10)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)
        back[name][...] = 1


def test_many_large_arrays_leave_nothing_behind(ask):
    array = np.ones((1000, 1000), np.float32)
    job = ask("echo", arrays=[array, array, array + 1], times=20)
    results = list(job)
    assert len(results) == 20
    assert results[0][0] is results[0][1]
    assert results[-1][2].sum() == 2e6


@posix
def test_a_death_while_arrays_are_under_way_leaves_nothing_behind(engine, ask):
    array = np.ones((2000, 1000), np.float32)
    for pause in (0.0, 0.005, 0.02):
        job = ask("echo", arrays=array, times=1000)
        next(iter(job))
        time.sleep(pause)
        os.kill(engine.pid, signal.SIGKILL)
        with pytest.raises(EngineError):
            job.wait(10)


# Ends -----------------------------------------------------------------------------------------------------------------


def test_close_ends_the_process_and_its_threads_within_a_second(ask, engine):
    before = {thread for thread in threading.enumerate() if "upaint" not in thread.name}
    job, waiting = ask("sleep", seconds=60), ask("count", n=1)
    next(iter(job))
    pid = engine.pid
    begin = time.monotonic()
    engine.close()
    assert time.monotonic() - begin < 1
    assert gone(pid, 0.1)
    for one in (job, waiting):
        with pytest.raises(EngineError, match="closed"):
            one.wait(0)
    assert set(threading.enumerate()) <= before
    with pytest.raises(EngineError, match="closed"):
        ask("count", n=1)
    engine.close()


def test_what_was_asked_for_just_before_close_fails_and_does_not_wait_for_ever(ask, engine):
    jobs = [ask("count", n=5) for _ in range(3)]
    jobs[0].stop()
    engine.close()
    for job in jobs:
        with contextlib.suppress(EngineError):
            job.wait(0)
        assert job.outcome


@posix
def test_close_also_ends_a_process_that_sleeps_deeply(engine, ask):
    ask("count", n=1).wait(10)
    pid = engine.pid
    os.kill(pid, signal.SIGSTOP)
    ask("echo", arrays=[np.zeros(8000) for _ in range(100)])  # more than a pipe holds
    time.sleep(0.1)
    engine.close()
    assert gone(pid)


def test_close_without_a_process_does_nothing():
    engine = EngineProcess()
    engine.close()
    engine.close()


def test_close_from_a_listener(engine):
    from upaint_fake_tasks import Fake

    job = engine.submit(Fake("count", {"n": 100, "pause": 0.01}), lambda message: engine.close())
    with pytest.raises(EngineError, match="closed"):
        job.wait(10)


PARENT = """
import os, queue, sys, time
sys.path.insert(0, {here!r})
from napari_upaint.session.job import EngineProcess
from upaint_fake_tasks import Fake
import numpy as np
engine = EngineProcess(tasks="upaint_fake_tasks")
said = queue.SimpleQueue()
engine.submit(Fake("echo", {{"arrays": np.ones(100_000), "times": 10**6}}), said.put)
said.get()
print(engine.pid, os.getpid(), flush=True)
{then}
"""


def script(then):
    here = os.path.dirname(__file__)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PARENT.format(here=here, then=then)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@posix
@pytest.mark.parametrize("then", ["os.kill(os.getpid(), 9)", "os._exit(0)", "", "raise ValueError"])
def test_the_process_ends_with_its_parent_and_leaves_nothing(then):
    from napari_upaint.session.shared import NAME, folders

    done = script(then)
    engine, parent = map(int, done.stdout.split())
    assert gone(engine)
    # Other tests may be at it at the same time.
    assert [path for folder in folders() for path in folder.glob(f"{NAME}{parent}-*")] == []
    assert done.stderr == "" or then == "raise ValueError"


@posix
def test_a_script_without_main_guard_works(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(PARENT.format(here=os.path.dirname(__file__), then="engine.close(); print('once')"))
    done = subprocess.run([sys.executable, "-W", "error", file], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.count("once") == 1


def test_files_that_are_called_like_modules_are_left_alone(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one])
    (tmp_path / "json.py").write_text("raise SystemExit('not what was meant')")
    assert ask("count", n=1).wait(10) == "end"


def test_requests_and_failures_cross_unchanged(engine):
    assert engine.submit(TrainRequest(())).wait(10) == "train"
    assert Failed(1, "a").details == ""


def test_a_job_with_long_steps_is_given_time_for_the_next_one(ask):
    job = ask("count", n=9, pause=1.2)  # longer than the grace
    payloads = iter(job)
    next(payloads)
    next(payloads)
    job.stop()
    assert job.wait(5).startswith("stopped")


@posix
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_every_job_ends_exactly_once_and_the_engine_goes_on(seed):
    from upaint_fake_tasks import Fake

    rng = np.random.default_rng(seed)
    actions = {"submit": 0.4, "stop": 0.2, "cancel": 0.1, "send": 0.1, "kill": 0.05, "sleep": 0.15}
    kinds = [
        ("count", {"n": 3, "pause": 0.005}),
        ("echo", {"arrays": np.ones((200, 200)), "times": 4}),
        ("slow_finish", {"seconds": 0.02}),
        ("deaf", {"pause": 0.005}),
        ("fail", {"kind": "other"}),
        ("die", {"how": "kill"}),
    ]
    seen, jobs = {}, []

    def listen(message):
        seen.setdefault(message.job_id, []).append(message)

    with EngineProcess(tasks="upaint_fake_tasks", grace=0.1, finish=0.1) as engine:
        for _ in range(50):
            action = rng.choice(list(actions), p=list(actions.values()))
            if action == "submit":
                what, with_ = kinds[rng.choice(len(kinds), p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1])]
                jobs.append(engine.submit(Fake(what, with_), listen))
            elif action == "sleep":
                time.sleep(rng.uniform(0, 0.1))
            elif action == "kill" and engine.pid:
                os.kill(engine.pid, signal.SIGKILL)
            elif action in ("stop", "cancel") and jobs:
                getattr(jobs[rng.integers(len(jobs))], action)()
            elif action == "send" and jobs:
                jobs[rng.integers(len(jobs))].send(NewSamples(()))
        for job in jobs:
            job.cancel()
        last = engine.submit(Fake("count", {"n": 1}))
        for job in jobs:
            with contextlib.suppress(EngineError):
                job.wait(20)
        with contextlib.suppress(EngineError):  # it may have waited behind a job that died
            last.wait(20)
        assert engine.submit(Fake("count", {"n": 1})).wait(20) == "end"
        pid = engine.pid
    for job in jobs:
        assert [isinstance(one, Event) for one in seen[job.id]] == [True] * (len(seen[job.id]) - 1) + [False]
    assert gone(pid)
