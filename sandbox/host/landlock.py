"""Where the kernel offers it, a process gives up the file system (https://docs.kernel.org/userspace-api/landlock.html).

Three system calls, by their numbers: the packages that wrap them are young, and more than is needed here.
"""

import ctypes
import sys
from typing import Final

_CREATE_RULESET: Final = 444
_RESTRICT_SELF: Final = 446
_VERSION: Final = 1  # flag of `landlock_create_ruleset`
# What each version of the interface can refuse, as the highest bit of `handled_access_fs`.
_BITS: Final = {1: 13, 2: 14, 3: 15, 4: 15}
_BITS_NEWER: Final = 16


class _Ruleset(ctypes.Structure):
    _fields_ = [("handled_access_fs", ctypes.c_uint64)]


def files_left() -> bool:
    """Refuse this process to open, make, change or remove any file from now on; what is open stays open.

    It holds for this thread and those that it starts, so it is called while there is no other that matters. There is
    no way back. `no_new_privs` must be set.

    Returns:
        False where the kernel does not offer it.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    ruleset = _Ruleset((1 << _BITS.get(version, _BITS_NEWER)) - 1)
    fd = libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(ctypes.sizeof(ruleset)), 0)
    return bool(fd >= 0 and libc.syscall(_RESTRICT_SELF, fd, 0) == 0)
