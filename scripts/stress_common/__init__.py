"""What the stress scripts share: Python 3.9 or newer, nothing beyond its standard library.

    options   the arguments that several scripts take, and how a wrong one is refused
    layout    which file each process has, in a mount by its own layout
    content   where the expected bytes come from: `seedfs cat`, a local file, a mount's config
    streams   sources and sinks of bytes, and the loops that copy and compare them
    crew      one process for each task, started together and timed alone
    lifetime  what ends every process and command with the one that started it
    verify    many comparisons at once, and what is said about them
    report    what is said after a run, for people and as JSON

Exit codes, the same in every script: 0 all is well; 1 a process failed or bytes differ;
2 nothing was started, because of the arguments or of what they name; 128 + n ended by signal n.
"""
