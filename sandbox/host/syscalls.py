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

_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000  # unshare(2)
_CLONE_THREAD = 0x00010000  # clone(2)
_REFUSED = (
    # other programs and processes
    *("execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open"),
    *("pidfd_send_signal", "pidfd_getfd", "tkill", "kcmp"),
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


def syscalls_filtered() -> bool:
    """Refuse `_REFUSED` to this process from now on; False where libseccomp or the kernel's part of it is missing."""
    if sys.platform != "linux":
        return False
    find_library = ctypes.util.find_library
    # It would start three processes, 50 ms of every host's start, to find these two.
    ctypes.util.find_library = {"c": "libc.so.6", "seccomp": "libseccomp.so.2"}.get  # type: ignore[assignment]
    try:
        import pyseccomp  # noqa: PLC0415 - not without the line above
    except (OSError, RuntimeError):
        return False
    finally:
        ctypes.util.find_library = find_library
    try:
        rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
        refused = pyseccomp.ERRNO(errno.EPERM)
        for name in _REFUSED:
            if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) >= 0:  # older libraries do not know every one
                rules.add_rule(refused, name)
        rules.add_rule(refused, "kill", pyseccomp.Arg(0, pyseccomp.NE, os.getpid()))
        rules.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, 0))
        # Its arguments lie in memory, where no filter sees them; without it, threads are made by `clone`.
        rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
        rules.load()
    except OSError:
        return False
    return True
