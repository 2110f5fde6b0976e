"""Blocking calls and what stands for them in async code: data for the rules, no logic.

`asyncio.to_thread` is chosen where it keeps the meaning exactly and the async twin doesn't:
`subprocess.run` returns a `CompletedProcess`, honours `check`, `timeout` and `input`;
`asyncio.create_subprocess_exec` has none of them. Files stay as they are (with a note) unless the
workspace uses aiofiles: the standard library can't open files asynchronously.
"""

from cerebrum_lsp.core.async_refactor.words import named

RENAMED = {
    "time.sleep": "asyncio.sleep",
}
"""Awaited under another name, with the same arguments."""

TO_THREAD = named("""
    input os.system os.waitpid shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.move
    shutil.rmtree shutil.make_archive shutil.unpack_archive socket.getaddrinfo socket.gethostbyname
    socket.gethostbyaddr subprocess.run subprocess.call subprocess.check_call
    subprocess.check_output subprocess.getoutput subprocess.getstatusoutput urllib.request.urlopen
    urllib.request.urlretrieve
    """)
"""Functions that run in a thread: `await asyncio.to_thread(function, …)`."""

METHODS_TO_THREAD = {
    "subprocess.Popen": frozenset({"wait", "communicate"}),
    "threading.Thread": frozenset({"join"}),
    "multiprocessing.Process": frozenset({"join"}),
    "pathlib.Path": frozenset({"read_text", "read_bytes", "write_text", "write_bytes"}),
    "http.client.HTTPResponse": frozenset({"read"}),
    "concurrent.futures.Future": frozenset({"result", "exception"}),
}
"""Blocking methods that run in a thread, by the type of their object."""

TWINS = {
    "threading.Lock": "asyncio.Lock",
    "threading.Semaphore": "asyncio.Semaphore",
    "threading.BoundedSemaphore": "asyncio.BoundedSemaphore",
    "threading.Event": "asyncio.Event",
    "queue.Queue": "asyncio.Queue",
    "queue.LifoQueue": "asyncio.LifoQueue",
    "queue.PriorityQueue": "asyncio.PriorityQueue",
    "requests.Session": "httpx.AsyncClient",
    "requests.sessions.Session": "httpx.AsyncClient",
    "httpx.Client": "httpx.AsyncClient",
}
"""A class and its async twin; an object of the function's own changes its class."""

TWIN_METHODS = {
    "asyncio.Lock": frozenset({"acquire", "release", "locked"}),
    "asyncio.Semaphore": frozenset({"acquire", "release"}),
    "asyncio.BoundedSemaphore": frozenset({"acquire", "release"}),
    "asyncio.Event": frozenset({"wait", "set", "clear", "is_set"}),
    "asyncio.Queue": named("get put join get_nowait put_nowait task_done qsize empty full"),
    "httpx.AsyncClient": named("get post put patch delete head options request close"),
    "aiofiles.File": named(
        "read readline readlines write writelines seek tell flush truncate close"
    ),
} | {
    name: named("get put join get_nowait put_nowait task_done qsize empty full")
    for name in ("asyncio.LifoQueue", "asyncio.PriorityQueue")
}
"""What the twin has under the same name and with the same meaning."""

TWIN_ATTRIBUTES = {"httpx.AsyncClient": frozenset({"headers", "cookies", "params", "auth"})}

ENTERED = named("""
    asyncio.Lock asyncio.Semaphore asyncio.BoundedSemaphore httpx.AsyncClient aiofiles.File
    """)
"""Twins that can be entered with `async with`."""

ITERATED = frozenset({"aiofiles.File"})

THREAD_LOCKS = frozenset(
    f"threading.{name}" for name in ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore")
)

ARGUMENTLESS = {
    "asyncio.Lock": {"acquire"},
    "asyncio.Semaphore": {"acquire"},
    "asyncio.BoundedSemaphore": {"acquire"},
    "asyncio.Event": {"wait"},
    "asyncio.Queue": {"get"},
    "asyncio.LifoQueue": {"get"},
    "asyncio.PriorityQueue": {"get"},
}
"""Methods whose `blocking`, `block` and `timeout` the twin doesn't have."""

RENAMED_METHODS = {"httpx.AsyncClient": {"close": "aclose"}}

REQUESTS_FUNCTIONS = frozenset(
    f"requests.{method}" for method in named("get post put patch delete head options request")
)

REQUESTS_KEYWORDS = {
    "params": "params",
    "data": "data",
    "json": "json",
    "headers": "headers",
    "cookies": "cookies",
    "files": "files",
    "auth": "auth",
    "timeout": "timeout",
    "allow_redirects": "follow_redirects",
    "url": "url",
    "method": "method",
}
"""Keywords of requests and their names in httpx; others (`stream`, `verify`, …) have none."""

RENAMED_NAMES = {
    "queue.Empty": "asyncio.QueueEmpty",
    "queue.Full": "asyncio.QueueFull",
    "requests.Response": "httpx.Response",
    "requests.RequestException": "httpx.HTTPError",
    "requests.exceptions.RequestException": "httpx.HTTPError",
    "requests.HTTPError": "httpx.HTTPStatusError",
    "requests.exceptions.HTTPError": "httpx.HTTPStatusError",
    "requests.ConnectionError": "httpx.ConnectError",
    "requests.exceptions.ConnectionError": "httpx.ConnectError",
    "requests.Timeout": "httpx.TimeoutException",
    "requests.exceptions.Timeout": "httpx.TimeoutException",
}
"""Names that follow when the calls beside them are replaced."""

FOREIGN_RESPONSE_ATTRIBUTES = named(
    "ok raw iter_content iter_lines apparent_encoding connection next"
)
"""What a response of requests has and one of httpx hasn't, or means differently."""

UNDECIDABLE_METHODS = {
    "socket.socket": (
        named("accept connect recv recv_into recvfrom recvmsg send sendall sendto"),
        "asyncio's streams have another shape than a socket "
        "(`asyncio.open_connection` gives a reader and a writer)",
    ),
}

BLOCKING_CONTEXTS = {
    "subprocess.Popen": "leaving `with subprocess.Popen(…)` waits for the process",
    "socket.socket": "asyncio's streams have another shape than a socket",
    "socket.create_connection": "asyncio's streams have another shape than a socket",
    "urllib.request.urlopen": "`urlopen` reads while its block runs",
    "concurrent.futures.ThreadPoolExecutor": "leaving a thread pool waits for its threads",
    "concurrent.futures.ProcessPoolExecutor": "leaving a process pool waits for its processes",
}

CLIENT_ARGUMENTS = "follow_redirects=True"
"""requests follows redirects unless told otherwise, httpx doesn't."""

TIMEOUT_NOTE = "httpx gives up after 5 s where requests waits for ever; pass `timeout` to change it"
FILE_NOTE = (
    "the file is still opened and read synchronously, which blocks the event loop meanwhile; "
    "the standard library has no async files (aiofiles is used where the workspace has it)"
)
