"""A classic receiver, as a first script would be: one file, 1024 bytes at a time."""
import socket
import sys

port, outfile = int(sys.argv[1]), sys.argv[2]

server = socket.create_server(("127.0.0.1", port))
print(server.getsockname()[1], flush=True)
s, address = server.accept()

size = int(s.recv(1024).decode())
s.sendall(b"ready")

received = 0
with open(outfile, "wb") as f:
    while received < size:
        data = s.recv(1024)
        if not data:
            sys.exit("the sender hung up early")
        f.write(data)
        received += len(data)
if s.recv(1024):
    sys.exit("the sender sent too much")
s.close()
