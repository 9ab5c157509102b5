"""nginx and Apache as the tests of http need them: on free ports of loopback, in a folder of the test's."""

import os
import pathlib
import shutil
import tempfile

from belfry import free_port
from harness import Server, program

MODULES = "/usr/lib/apache2/modules"


def place():
    """A folder that `nobody` may enter whatever other runs of pytest do: each sets the one above its folders to 0700."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="belfry-web-"))
    folder.chmod(0o755)
    return folder


def pair(certs, name="good"):
    """(certificate, key) of a name."""
    return [os.path.join(certs.folder, name + end) for end in (".pem", ".key")]


def nginx(folder, *servers):
    """One nginx with these server blocks; "PORT1", "PORT2" … in them become its ports, which are in .ports."""
    exe, ports = program("nginx", "nginx-light"), [free_port() for _ in servers]
    blocks = "\n".join(f"server {{ {text} }}" for text in servers)
    for i, port in enumerate(ports):
        blocks = blocks.replace(f"PORT{i + 1}", f"127.0.0.1:{port}")
    user = "user root;" if os.geteuid() == 0 else ""
    temp = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; {user} pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        f"events {{ worker_connections 64; }}\nhttp {{ access_log off; {temp}\n{blocks}\n}}\n")
    s = Server([exe, "-e", folder / "error.log", "-c", folder / "nginx.conf"], ports[-1], folder / "out.log")
    s.ports = ports
    return s


def apache(folder, modules, lines, port=None, wrap=()):
    """One Apache in a folder of place(); "PORT" in the lines becomes its port. wrap: a command that runs it. Ended by end()."""
    exe, port = program("apache2", "apache2-bin"), port or free_port()
    loads = [f"LoadModule {m}_module {MODULES}/mod_{m}.so" for m in ["mpm_event", "authz_core", *modules]]
    (folder / "apache.conf").write_text("\n".join([
        *loads, f'ServerRoot "{folder}"', f'PidFile "{folder}/pid"', f"Listen 127.0.0.1:{port}", "ServerName localhost",
        f'ErrorLog "{folder}/error.log"', f'DefaultRuntimeDir "{folder}"', "User nobody", "Group nogroup",
        *[line.replace("PORT", str(port)) for line in lines]]) + "\n")
    s = Server([*wrap, exe, "-X", "-f", folder / "apache.conf"], port, folder / "out.log")
    s.folder = folder
    return s


def end(s):
    """Its folder too, if place() made it."""
    s.close()
    shutil.rmtree(s.folder)
