"""Servers that Debian has no package of: their jars come from Maven Central, once, into ~/.cache/belfry-java. Where it
cannot be reached the tests that need them are skipped, and say so."""

import os
import shutil
import subprocess

import pytest

CACHE = os.path.join(os.path.expanduser(os.environ.get("XDG_CACHE_HOME", "~/.cache")), "belfry-java")
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>belfry.test</groupId><artifactId>{name}</artifactId><version>1</version><packaging>pom</packaging><dependencies>
{rows}
</dependencies></project>
"""
ROW = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
JAVA = "/usr/lib/jvm/java-17-openjdk-amd64/bin/java"


def java():
    path = JAVA if os.path.exists(JAVA) else shutil.which("java")
    if not path:
        pytest.skip("no java here (Debian package openjdk-17-jre-headless)")
    return path


def jars(name, *wanted):
    """The class path of artifacts ("group:artifact:version") with all they depend on."""
    folder = os.path.join(CACHE, name)
    done, text = os.path.join(folder, "complete"), "\n".join(wanted)
    if not os.path.exists(done) or open(done, encoding="ascii").read() != text:
        if not shutil.which("mvn"):
            pytest.skip(f"{name}: no mvn here (Debian package maven)")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "pom.xml"), "w", encoding="ascii") as f:
            f.write(POM.format(name=name, rows="\n".join(ROW.format(*w.split(":")) for w in wanted)))
        try:
            subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars",
                            "-DincludeScope=runtime"], cwd=folder, check=True, capture_output=True, timeout=100)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            pytest.skip(f"{name}: Maven Central cannot be reached")
        with open(done, "w", encoding="ascii") as f:
            f.write(text)
    return os.path.join(folder, "jars", "*")
