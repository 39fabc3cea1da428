"""Shuts the parsing process in before it reads the first byte of an upload.

A parser that is taken over by a hostile file could otherwise read the worker's secrets from the disk and
give them out as the document's text. Two layers:

- Resource limits, on every system: processor time, memory, no new file descriptor (so no file and no socket is
  opened, for reading neither), no byte added to a file, no new process, no core.
- On Linux, a seccomp filter: a short list of system calls is allowed, and every other one fails with EPERM. A
  process that is shut in can compute, allocate, read what is open, write to what is open, and end.

macOS has no such filter for a program's own use, so there the limits are all (and the one on memory is not kept by
every version of it). Fails closed: on Linux, where a limit or the filter cannot be installed, nothing is parsed.

Sources: seccomp(2), prctl(2), setrlimit(2), the kernel's include/uapi/linux/{filter,seccomp,audit}.h.
"""

import ctypes
import errno
import platform
import resource
import signal
import struct
import sys
from dataclasses import dataclass

_MEGABYTE = 1024 * 1024
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_RETURN_ALLOW, _RETURN_ERROR, _RETURN_KILL = 0x7FFF0000, 0x00050000, 0x80000000
# BPF: load a word of the call's data, jump when equal, return
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4

# by the machine's name: its AUDIT_ARCH constant, and the numbers of the calls that are allowed
_CALLS: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "read": 0, "write": 1, "close": 3, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
            "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25,
            "madvise": 28, "getpid": 39, "exit": 60, "sigaltstack": 131, "gettid": 186, "futex": 202,
            "restart_syscall": 219, "clock_gettime": 228, "exit_group": 231, "getrandom": 318,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "read": 63, "write": 64, "close": 57, "lseek": 62, "mmap": 222, "mprotect": 226, "munmap": 215, "brk": 214,
            "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "sched_yield": 124, "mremap": 216,
            "madvise": 233, "getpid": 172, "exit": 93, "sigaltstack": 132, "gettid": 178, "futex": 98,
            "restart_syscall": 128, "clock_gettime": 113, "exit_group": 94, "getrandom": 278,
        },
    ),
}  # fmt: skip


class CannotConfine(Exception):
    """The machine lacks what shutting a process in needs, so nothing hostile may be parsed on it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a parsing process may use: seconds of processor time, bytes of address space."""

    seconds: int = 20
    memory: int = 1024 * _MEGABYTE


class _Program(ctypes.Structure):
    """`struct sock_fprog`: the number of instructions, and where they are."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def confine(limits: Limits) -> None:
    """Shut this process in, for good. Import whatever is needed before: no file can be opened afterwards.

    Raises `CannotConfine` when it cannot be done.
    """
    kept = {
        resource.RLIMIT_CPU: limits.seconds,
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    for name, most in kept.items():
        try:
            resource.setrlimit(name, (most, most))
        except (OSError, ValueError) as error:
            if sys.platform == "linux" or name != resource.RLIMIT_AS:  # macOS refuses this one
                raise CannotConfine("a resource limit is refused") from error
    if sys.platform == "linux":
        _install_filter()


def _install_filter() -> None:
    calls = _CALLS.get(platform.machine())
    if calls is None:
        raise CannotConfine("the system calls of this machine's processor are not listed")
    code = _compile(*calls)
    program = _Program(len(code) // 8, code)
    # without it, an ordinary account may install no filter; it also makes setuid programs powerless
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    # the worker may be killed before its own timer ends this process
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _control(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))


def _compile(architecture: int, calls: dict[str, int]) -> bytes:
    """Return the filter in the kernel's form, eight bytes for each instruction."""
    numbers = sorted(calls.values())
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _RETURN_KILL),  # another architecture's calls have other numbers
        (_LOAD, 0, 0, _NUMBER_AT),
        *((_JUMP_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)),
        (_RETURN, 0, 0, _RETURN_ERROR | errno.EPERM),
        (_RETURN, 0, 0, _RETURN_ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _control(option: int, *arguments: int) -> None:
    given = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    if ctypes.CDLL(None, use_errno=True).prctl(ctypes.c_int(option), *given) != 0:
        raise CannotConfine(f"prctl {option} is refused: {errno.errorcode.get(ctypes.get_errno(), 'unknown')}")
