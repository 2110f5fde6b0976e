"""The other process: reads calls from standard input, writes what they return, until its end.

The end of its input is the end of the daemon, and so its own.
"""

import pickle
import struct
import sys

LENGTH = struct.Struct(">I")  # bytes of the pickle that follows


def main() -> None:
    """Serve until the input ends."""
    calls, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints must not get among the answers
    while len(head := calls.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        # The pipe leads to the daemon, which started this process; nobody else can write to it.
        function, args, kwargs = pickle.loads(calls.read(length))  # noqa: S301
        try:
            answer = (True, function(*args, **kwargs))
        except Exception as error:  # it is for the daemon to say; this process goes on
            answer = (False, type(error).__name__)
        content = pickle.dumps(answer)
        answers.write(LENGTH.pack(len(content)) + content)
        answers.flush()


if __name__ == "__main__":
    main()
