"""Where the kernel offers it, a host has no network and may not call what a sandbox host never needs.

A second wall: a guest reaches none of this through its runtime, and one that broke out of it would find these closed.
The filter refuses with EPERM instead of killing: a library that tries and copes must not end a host. It is a list of
what is refused, since what two just-in-time compilers may call differs with their versions and the kernel's.
"""

import ctypes
import ctypes.util
import errno
import os
import sys
from collections.abc import Iterable
from typing import Any

_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000  # unshare(2)
_CLONE_THREAD = 0x00010000  # clone(2)
_STARTING = ("execve", "execveat", "fork", "vfork")
_REFUSED = (
    # other processes
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_send_signal", "pidfd_getfd"),
    *("tkill", "kcmp"),
    # the network; `socketpair` stays: an event loop wakes itself by it
    *("socket", "connect", "bind", "listen", "accept", "accept4"),
    # the machine and its namespaces
    *("mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "reboot", "swapon", "swapoff", "sethostname"),
    *("setdomainname", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "acct"),
    *("quotactl", "syslog", "settimeofday", "clock_settime", "adjtimex", "personality", "fsopen", "move_mount"),
    *("open_tree", "open_by_handle_at", "name_to_handle_at", "mknod", "mknodat"),
    # parts of the kernel with a long history of holes
    *("bpf", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "keyctl"),
    *("add_key", "request_key", "fanotify_init", "msgget", "semget", "shmget"),
    # other rights; `chmod` stays: pyeryx unpacks its library with it, into the cache
    *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid"),
    *("chown", "fchown", "lchown", "fchownat", "capset", "symlink", "symlinkat", "link", "linkat"),
)


def network_left() -> bool:
    """Move this process into a network namespace of its own, without interfaces; False where that is not allowed.

    Called while there is one thread: a user namespace, which unprivileged users need for it, can be made only then.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return any(libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def syscalls_filtered(*, may_start: bool = False) -> bool:
    """Refuse `_REFUSED` and the start of processes to this process, and to those that it starts, from now on.

    Args:
        may_start: Leave the start of processes, and what goes with it, to `starting_refused`.

    Returns:
        False where libseccomp or the kernel's part of it is missing.
    """
    seccomp = _seccomp()
    if seccomp is None:
        return False
    try:
        rules = seccomp.SyscallFilter(seccomp.ALLOW)
        _refuse(seccomp, rules, _REFUSED)
        rules.add_rule(seccomp.ERRNO(errno.EPERM), "kill", seccomp.Arg(0, seccomp.NE, os.getpid()))
        if not may_start:
            _refuse_starting(seccomp, rules)
        rules.load()
    except OSError:
        return False
    return True


def starting_refused() -> bool:
    """Refuse the start of processes to every thread of this process; those that were started keep it.

    Returns:
        False as for `syscalls_filtered`.
    """
    seccomp = _seccomp()
    if seccomp is None:
        return False
    try:
        rules = seccomp.SyscallFilter(seccomp.ALLOW)
        rules.set_attr(seccomp.Attr.CTL_TSYNC, 1)
        _refuse_starting(seccomp, rules)
        rules.load()
    except OSError:
        return False
    return True


def _refuse_starting(seccomp: Any, rules: Any) -> None:
    _refuse(seccomp, rules, _STARTING)
    rules.add_rule(seccomp.ERRNO(errno.EPERM), "clone", seccomp.Arg(0, seccomp.MASKED_EQ, _CLONE_THREAD, 0))
    # Its arguments lie in memory, where no filter sees them; without it, threads are made by `clone`.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")


def _refuse(seccomp: Any, rules: Any, names: Iterable[str]) -> None:
    for name in names:
        if seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) >= 0:  # older libraries do not know every one
            rules.add_rule(seccomp.ERRNO(errno.EPERM), name)


def filter_imported() -> None:
    """Import what makes the filter, once for all hosts that are forked from this process."""
    _seccomp()


def _seccomp() -> Any:
    """Return the module `pyseccomp`; None where it or its library is missing."""
    if sys.platform != "linux":
        return None
    find_library = ctypes.util.find_library
    # It would start three processes, 50 ms of every host's start, to find these two.
    ctypes.util.find_library = {"c": "libc.so.6", "seccomp": "libseccomp.so.2"}.get  # type: ignore[assignment]
    try:
        import pyseccomp  # noqa: PLC0415 - not without the line above
    except (OSError, RuntimeError):
        return None
    finally:
        ctypes.util.find_library = find_library
    return pyseccomp
