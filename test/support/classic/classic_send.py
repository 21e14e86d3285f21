"""A classic sender, as a first script would be: size, wait for ready, bytes."""
import argparse
import os
import socket
import sys

options = argparse.ArgumentParser()
options.add_argument("host")
options.add_argument("port", type=int)
options.add_argument("file")
options.add_argument("--split", type=int, default=1, help="segments the digits are sent in")
options.add_argument("--die-after", type=int, help="reset the connection after this many bytes")
options.add_argument("--extra", type=int, default=0, help="bytes sent beyond the announced size")
options.add_argument("--announce", help="text sent in place of the size")
args = options.parse_args()

s = socket.create_connection((args.host, args.port))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
digits = (args.announce or str(os.path.getsize(args.file))).encode()
step = -(-len(digits) // args.split)
for i in range(0, len(digits), step):
    s.sendall(digits[i:i + step])

answer = b""
while len(answer) < 5:
    data = s.recv(1024)
    if not data:
        break
    answer += data
if answer != b"ready":
    sys.exit("not ready: " + repr(answer))

sent = 0
with open(args.file, "rb") as f:
    while data := f.read(1024):
        if args.die_after is not None and sent + len(data) > args.die_after:
            s.sendall(data[:args.die_after - sent])
            s.close()
            os._exit(9)
        s.sendall(data)
        sent += len(data)
try:
    s.sendall(b"x" * args.extra)
    s.shutdown(socket.SHUT_WR)
    s.recv(1024)  # b"" once the receiver has read everything and closed
except OSError as error:
    sys.exit("the receiver hung up: " + str(error))
s.close()
