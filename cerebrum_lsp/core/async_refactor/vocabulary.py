"""What Python's async ecosystem calls things: data for the rules, no logic.

The words are those that asyncio, anyio, trio, httpx, aiohttp, websockets, asyncpg, psycopg,
redis.asyncio, motor, aiofiles and the DB-API give to operations that wait for something.
"""

from cerebrum_lsp.core.async_refactor.words import named

IO_VERBS = named("""
    accept acquire aclose authenticate begin close commit connect consume disconnect
    download drain exchange execute executemany fetch fetchall fetchmany fetchone flush handshake
    invoke listen login logout open perform ping poll publish query read readexactly readinto
    readline readlines readuntil receive reconnect recv recvfrom refresh request reset retry
    rollback run select send sendall sendfile sendto sleep stream subscribe unsubscribe upload wait
    write writelines
    """)
"""First word of a method's name that says it waits for the outside."""

IO_NOUNS = named("call handshake io ping request requests roundtrip")
"""Last word of a method's name that says the same (`perform_request`, `do_handshake`)."""

CLIENT_WORDS = named("""
    channel client collection conn connection consumer cur cursor database db pipe pool producer
    redis session socket stream transport tx websocket ws
    """)
"""Last word of a variable's name that holds something at the other end of a wire."""

CLIENT_VERBS = named("""
    aggregate call command count_documents create delete delete_many delete_one drop exists find_one
    get insert insert_many insert_one patch post put release run save search send set
    update update_many update_one
    """)
"""What waits when it is asked of such an object."""

HANDLER_WORD = "on"
"""First word of an event handler (`on_message`): async libraries await their handlers."""

SYNC_LAST_WORDS = named(
    "by count for gen generator headers kwargs nowait of options size soon sync threadsafe"
)
"""Last word of a name that only looks as if it waited (`put_nowait`, `read_preference_for`)."""

LOCKS = named("Lock RLock Semaphore BoundedSemaphore Condition CapacityLimiter")
"""Classes whose instances are entered with `async with` in every async library."""

LOCK_WORDS = named("cond condition lock mutex semaphore")

CONTEXT_WORDS = named(
    "acquire client connection cursor pipeline session stream transaction websocket"
)
"""Last word of a method's name that returns something to enter and leave."""

ITERATOR_WORDS = named("aiter iter scan stream")
"""First word of a method's name that gives items one by one."""

LOGGER_NAMES = named("log logger logging")

CONTAINERS = named("""
    bool bytes bytearray dict float frozenset int list memoryview set str tuple collections.deque
    collections.defaultdict collections.OrderedDict collections.Counter io.BytesIO io.StringIO
    typing.Dict typing.List typing.Set typing.Tuple typing.Any
    """)
"""Types whose methods never wait."""

COROUTINES = named("""
    asyncio.sleep asyncio.wait_for asyncio.wait asyncio.gather asyncio.to_thread
    asyncio.open_connection asyncio.open_unix_connection asyncio.start_server
    asyncio.create_subprocess_exec asyncio.create_subprocess_shell
    anyio.sleep anyio.connect_tcp anyio.run_process anyio.to_thread.run_sync
    trio.sleep trio.open_tcp_stream trio.run_process trio.to_thread.run_sync
    asyncpg.connect aiosqlite.connect websockets.connect
    """)
"""Functions of known libraries whose call is awaited."""

HTTP_METHODS = named("get post put patch delete head options request send")

ASYNC_METHODS = {
    "httpx.AsyncClient": HTTP_METHODS | {"aclose"},
    "httpx.Response": frozenset({"aread", "aclose"}),
    "asyncio.Lock": frozenset({"acquire"}),
    "asyncio.Semaphore": frozenset({"acquire"}),
    "asyncio.BoundedSemaphore": frozenset({"acquire"}),
    "asyncio.Condition": frozenset({"acquire", "wait", "wait_for"}),
    "asyncio.Event": frozenset({"wait"}),
    "asyncio.Queue": frozenset({"get", "put", "join"}),
    "asyncio.LifoQueue": frozenset({"get", "put", "join"}),
    "asyncio.PriorityQueue": frozenset({"get", "put", "join"}),
    "asyncio.StreamReader": frozenset({"read", "readline", "readexactly", "readuntil"}),
    "asyncio.StreamWriter": frozenset({"drain", "wait_closed"}),
    "asyncio.subprocess.Process": frozenset({"wait", "communicate"}),
    "asyncpg.Connection": frozenset(
        {"execute", "executemany", "fetch", "fetchrow", "fetchval", "close"}
    ),
    "asyncpg.Pool": frozenset(
        {"execute", "executemany", "fetch", "fetchrow", "fetchval", "close", "acquire", "release"}
    ),
    "aiosqlite.Connection": frozenset(
        {"execute", "executemany", "executescript", "commit", "rollback", "close"}
    ),
    "aiofiles.File": frozenset(
        {"read", "readline", "readlines", "write", "writelines", "seek", "tell", "flush", "close"}
    ),
}
"""Type → its methods whose call is awaited."""

ASYNC_CONTEXTS = named("""
    httpx.AsyncClient aiohttp.ClientSession asyncio.Lock asyncio.Semaphore asyncio.BoundedSemaphore
    asyncio.Condition asyncio.TaskGroup asyncio.timeout anyio.create_task_group trio.open_nursery
    aiofiles.open aiofiles.File aiosqlite.connect aiosqlite.Connection asyncpg.create_pool
    websockets.connect
    """)
"""What is entered with `async with`."""

ASYNC_ITERABLES = named("aiofiles.File asyncio.StreamReader")

HARMLESS_DECORATORS = named("""
    staticmethod classmethod abstractmethod abc.abstractmethod override typing.override
    typing_extensions.override typing.overload typing.final typing.no_type_check functools.wraps
    contextlib.contextmanager contextlib.asynccontextmanager warnings.deprecated
    """)

SYNC_ONLY_DECORATORS = {
    "property": "a property can't be awaited where it is read",
    "abc.abstractproperty": "a property can't be awaited where it is read",
    "functools.cached_property": "a cached property would keep a coroutine",
    "functools.lru_cache": "`lru_cache` would keep a coroutine, which can be awaited only once",
    "functools.cache": "`cache` would keep a coroutine, which can be awaited only once",
    "functools.singledispatch": "`singledispatch` implementations would have to change together",
    "atexit.register": "an exit handler is called without an event loop",
}

RENAMED_DUNDERS = {
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "__iter__": "__aiter__",
    "__next__": "__anext__",
}

CALLABLE_DUNDERS = frozenset({"__call__"})
"""Special methods that may be async under their own name."""
