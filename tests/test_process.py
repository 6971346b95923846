"""Processes of fastbg end with their command line, and lose nothing."""

from __future__ import annotations

import subprocess
import sys


def ended(code: str) -> subprocess.CompletedProcess[str]:
    start = "import atexit, sys, threading\nfrom fastbg.cli import program\n"
    command = [sys.executable, "-P", "-c", start + code]
    return subprocess.run(command, capture_output=True, text=True)


def test_what_is_registered_for_the_end_is_called_and_all_is_printed():
    done = ended("""
class Left:
    def __del__(self):
        print("taken apart")

left = Left()
atexit.register(print, "registered")
sys.argv = ["fastbg", "--version"]
program()
""")
    told, registered = done.stdout.splitlines()
    assert told.startswith("fastbg ")
    assert registered == "registered"
    assert (done.returncode, done.stderr) == (0, "")


def test_the_code_of_the_command_is_that_of_the_process():
    done = ended("sys.argv = ['fastbg', 'run', '-q', 'no such file.fits']\nprogram()")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_thread_that_still_runs_is_waited_for():
    done = ended("""
def work():
    threading.main_thread().join()
    print("worked")

sys.argv = ["fastbg", "--version"]
thread = threading.Thread(target=work)
thread.start()
program()
""")
    assert done.stdout.splitlines()[-1] == "worked"
    assert done.returncode == 0
