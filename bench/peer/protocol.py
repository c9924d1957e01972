"""The line protocol of the benchmark peers.

A peer reads one JSON command a line on standard input and answers each with one JSON line on standard output:

    {"cmd": "setup", ...}     -> {"ok": true, "versions": {...}, ...}
    {"cmd": "run", "n": 3}    -> {"ms": [..., ..., ...], ...}      milliseconds of each repetition; "result": what the last
                                                                   one computed, where it returns a dict of numbers
    {"cmd": "memory"}         -> {"peakMb": ...}                   peak resident memory of the process

A failed command answers {"error": "..."}. The peer ends when standard input does.
"""
import json
import platform
import sys
import time


def peak_mb():
    """Peak resident memory of this process in MB (10^6 bytes)."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024 / 1e6
    except FileNotFoundError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def versions(*modules):
    return {"python": platform.python_version(), **{module.__name__: str(module.__version__) for module in modules}}


def timed(work, n):
    """Milliseconds of n calls, each by itself, and what the last one returned."""
    ms, result = [], None
    for _ in range(n):
        start = time.perf_counter()
        result = work()
        ms.append((time.perf_counter() - start) * 1e3)
    return ms, result


def serve(setup, modules):
    """Answer commands until standard input ends. `setup(command)` returns (work, answer): `work()` is one repetition."""
    work = None
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            command = json.loads(line)
            if command["cmd"] == "setup":
                work, extra = setup(command)
                answer = {"ok": True, "versions": versions(*modules), **extra}
            elif command["cmd"] == "run":
                if work is None:
                    raise RuntimeError("run came before setup")
                ms, result = timed(work, command.get("n", 1))
                answer = {"ms": ms, **({"result": result} if isinstance(result, dict) else {})}
            elif command["cmd"] == "memory":
                answer = {"peakMb": peak_mb()}
            else:
                raise ValueError(f"there is no command {command['cmd']!r}: use setup, run or memory")
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
