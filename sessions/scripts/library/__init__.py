"""The library that comes with FlowPilot: templates of everybody's, for Windows, Microsoft 365 and Linux."""

from sessions.scripts.library.entry import Entry
from sessions.scripts.library.linux import LINUX
from sessions.scripts.library.load import library_load
from sessions.scripts.library.m365 import M365
from sessions.scripts.library.windows import WINDOWS
from sessions.scripts.library.windows_network import WINDOWS_NETWORK

LIBRARY: tuple[Entry, ...] = (*WINDOWS, *WINDOWS_NETWORK, *M365, *LINUX)

__all__ = ["LIBRARY", "Entry", "library_load"]
