"""Prints what inotify tells of folders: one line for each event, `EVENT MODE PATH`. With --move-to, a file is moved away at its event."""
import ctypes, os, struct, sys

CLOSE_WRITE, MOVED_TO, CREATE = 0x8, 0x80, 0x100
NAMES = {CLOSE_WRITE: "close_write", MOVED_TO: "moved_to", CREATE: "create"}

args = sys.argv[1:]
target = args[1] if args[:1] == ["--move-to"] else None
libc = ctypes.CDLL(None, use_errno=True)
watcher = libc.inotify_init()
folders = {libc.inotify_add_watch(watcher, os.fsencode(f), CLOSE_WRITE | MOVED_TO | CREATE): f for f in args[2 if target else 0:]}
assert -1 not in folders, os.strerror(ctypes.get_errno())
print("ready", flush=True)
while True:
    data = os.read(watcher, 65536)
    while data:
        watch, mask, _, length = struct.unpack_from("iIII", data)
        path = os.path.join(folders[watch], data[16:16 + length].rstrip(b"\0").decode())
        data = data[16 + length:]
        event = next((name for bit, name in NAMES.items() if mask & bit), str(mask))
        try:
            mode = format(os.lstat(path).st_mode & 0o7777, "o")
            if target and event != "create" and not os.path.basename(path).startswith("."):
                os.rename(path, os.path.join(target, os.path.basename(path)))
        except FileNotFoundError:
            mode = "gone"
        print(event, mode, path, flush=True)
